"""Statements that wait for a connection travel together on one: those of threads, and those of tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import NextRound, eventually
from pycopg import AsyncPooledDatabase, Error, PooledDatabase


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


@pytest.mark.parametrize("share", [True, False])
def test_each_task_gets_its_own_answer(server_url: str, share: bool) -> None:
    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, 1, share=share) as db:
            async with db.connection():
                answers = [asyncio.create_task(db.fetch_val("SELECT %s::int / %s::int", [i, i % 5])) for i in range(20)]
                while db.stats["requests_waiting"] < 20:
                    await NextRound()
                answers[7].cancel()
            results = await asyncio.gather(*answers, return_exceptions=True)
            for i, result in enumerate(results):
                if i == 7:
                    assert isinstance(result, asyncio.CancelledError)
                elif i % 5 == 0:
                    assert isinstance(result, Error)
                else:
                    assert result == i // (i % 5)
            assert (db.stats["statements_shared"] > 0) == share

    asyncio.run(main())
