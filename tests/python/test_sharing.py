"""Threads whose statements wait for a connection travel together on one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import eventually

from pycopg import Error, PooledDatabase


@pytest.mark.parametrize("share", [True, False])
def test_each_thread_gets_its_own_answer(make_pool: Callable[..., PooledDatabase], share: bool) -> None:
    db = make_pool(min_size=1, max_size=1, share=share)
    with ThreadPoolExecutor(20) as threads:
        with db.connection():
            answers = [threads.submit(db.fetch_val, "SELECT %s::int / %s::int", [i, i % 5]) for i in range(20)]
            eventually(lambda: db.stats["requests_waiting"] == 20)
        for i, answer in enumerate(answers):
            if i % 5 == 0:
                with pytest.raises(Error, match="division by zero"):
                    answer.result()
            else:
                assert answer.result() == i // (i % 5)
        assert (db.stats["statements_shared"] > 0) == share
        assert db.stats["runs_largest"] == (16 if share else 0)
