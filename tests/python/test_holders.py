"""Who holds the connections: what a PoolTimeout and the report of a leak tell, and what the statistics count."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable

import pytest

import pycopg
from conftest import Run, eventually, eventually_async
from pycopg import AsyncPooledDatabase, PooledDatabase

MakePool = Callable[..., PooledDatabase]


def told_by_a_timeout(db: PooledDatabase) -> str:
    with pytest.raises(pycopg.PoolTimeout) as raised:
        db.connection(timeout=0.05).__enter__()
    return str(raised.value)


def hold(db: PooledDatabase, until: threading.Event, how: str) -> None:
    if how == "lease":
        with db.connection():
            until.wait()
    else:
        with pytest.raises(pycopg.OperationalError):
            db.execute("SELECT pg_sleep(100)")


@pytest.mark.parametrize("how", ["lease", "call"])
def test_the_thread_that_holds_a_connection_is_told_by_its_name_and_ident(make_pool: MakePool, how: str) -> None:
    db = make_pool(max_size=1)
    over = threading.Event()
    thread = threading.Thread(target=hold, args=(db, over, how), name="importer", daemon=True)
    thread.start()
    eventually(lambda: db.stats["leased"] == 1)
    text = told_by_a_timeout(db)
    over.set()
    cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(100)'"
    other = make_pool()
    eventually(lambda: other.execute(cancel) is not None and not thread.is_alive())
    assert re.search(rf"taken at .*test_holders\.py:\d+ in thread 'importer' \(ident {thread.ident}\);", text), text


def test_the_main_thread_is_told_by_its_name_and_ident(make_pool: MakePool) -> None:
    db = make_pool(max_size=1)
    with db.connection():
        assert f"in thread 'MainThread' (ident {threading.get_ident()})" in told_by_a_timeout(db)


def test_the_child_of_a_fork_tells_its_own_thread(make_pool: MakePool) -> None:
    db = make_pool(max_size=1)
    with db.connection():
        pass
    texts, written = os.pipe()

    def fork() -> None:
        with db.connection():
            pass
        child = os.fork()
        if child == 0:
            try:
                with db.connection():
                    text = told_by_a_timeout(db)
                thread = threading.current_thread()
                os.write(written, str(f"in thread '{thread.name}' (ident {thread.ident})" in text).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    forking = threading.Thread(target=fork, name="forking")
    forking.start()
    forking.join()
    os.close(written)
    assert os.read(texts, 100) == b"True"
    os.close(texts)


def test_a_lease_that_leaks_is_reported_once(make_pool: MakePool, caplog: pytest.LogCaptureFixture) -> None:
    db = make_pool(leak_after=0.05)
    with caplog.at_level(logging.WARNING, "pycopg"), db.connection():
        eventually(lambda: "leased for" in caplog.text)
    assert "test_holders.py:" in caplog.text
    assert f"in thread 'MainThread' (ident {threading.get_ident()})" in caplog.text
    assert len(caplog.records) == 1


def test_the_statistics_count_what_each_connection_does(make_pool: MakePool) -> None:
    db = make_pool(min_size=2, max_size=2)
    db.wait()
    with db.connection() as conn:
        conn.execute("SELECT 1")
        stats = db.stats
        assert (stats["leased"], stats["pool_available"], stats["pool_size"]) == (1, 1, 2)
    eventually(lambda: db.stats["pool_available"] == 2)
    unreachable = PooledDatabase.from_url("postgresql://192.0.2.1/nowhere", 1, 1, connect_timeout=60.0)
    eventually(lambda: unreachable.stats["connecting"] == 1)
    unreachable.close(timeout=0)


def test_the_statistics_of_a_pool_for_asyncio_count_the_same(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            await conn.execute("SELECT 1")
            assert db.stats["leased"] == 1
        await eventually_async(lambda: db.stats["leased"] == 0)
        assert {"connecting", "resetting", "checking", "closing"} <= set(db.stats)

    run(body, max_size=1)
