"""One pool for threads and for asyncio."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest

import pycopg
from conftest import eventually, eventually_async
from pycopg import AsyncPooledDatabase, PooledDatabase

MakePool = Callable[..., PooledDatabase]


def test_a_pool_of_threads_serves_tasks_with_its_connections_and_in_its_queue(make_pool: MakePool) -> None:
    db = make_pool(min_size=1, max_size=1, row_factory=tuple)

    async def body() -> None:
        adb = AsyncPooledDatabase(db)
        await adb.open()
        with db.connection() as conn:
            conn.execute("SELECT 1")
            waiting = asyncio.ensure_future(adb.execute("SELECT 2"))
            await eventually_async(lambda: db.stats["requests_waiting"] == 1)
            assert adb.stats["requests_waiting"] == 1
            assert not waiting.done()
        assert await waiting == [(2,)]
        async with adb.transaction() as task:
            assert await task.fetch_val("SELECT pg_backend_pid()") == task.info.backend_pid

    asyncio.run(body())
    assert db.fetch_val("SELECT 3") == 3, "the tasks' object has gone, and its pool is open"
    assert db.stats["connections_num"] == 1


def test_a_pool_of_asyncio_serves_threads(server_url: str) -> None:
    async def body() -> None:
        async with AsyncPooledDatabase.from_url(server_url, min_size=1, max_size=1) as adb:
            db = adb.sync
            assert isinstance(db, PooledDatabase)
            assert await asyncio.to_thread(db.fetch_val, "SELECT 1") == 1
            assert adb.stats["connections_num"] == 1
        with pytest.raises(pycopg.PoolClosed):
            db.execute("SELECT 1")
        with pytest.raises(pycopg.PoolClosed):
            _ = adb.sync

    asyncio.run(body())


def test_to_close_one_closes_both(make_pool: MakePool) -> None:
    db = make_pool()
    adb = AsyncPooledDatabase(db)
    asyncio.run(adb.close())
    with pytest.raises(pycopg.PoolClosed):
        db.execute("SELECT 1")
    db.close()


def test_a_pool_that_was_not_open_is_opened_for_both(server_url: str) -> None:
    db = PooledDatabase.from_url(server_url, min_size=1, open=False)
    adb = AsyncPooledDatabase(db)
    with pytest.raises(pycopg.PoolClosed, match="not open yet"):
        db.execute("SELECT 1")

    async def body() -> None:
        async with adb:
            assert await adb.fetch_val("SELECT 1") == 1
            assert db.fetch_val("SELECT 2") == 2

    asyncio.run(body())


def test_the_pool_lives_as_long_as_one_of_its_objects(server_url: str) -> None:
    db = PooledDatabase.from_url(server_url, min_size=1)
    again = PooledDatabase(db)
    gone = weakref.ref(db)
    del db
    gc.collect()
    assert gone() is not None
    assert again.fetch_val("SELECT 1") == 1
    again.close()
    del again
    gc.collect()
    assert gone() is None


def test_a_ring_of_pools_is_collected(server_url: str) -> None:
    db = PooledDatabase.from_url(server_url, min_size=1)
    db.shared = AsyncPooledDatabase(db)  # type: ignore[attr-defined]
    gone = weakref.ref(db)
    db.close()
    del db
    gc.collect()
    assert gone() is None


def test_what_shares_a_pool_has_its_options_and_takes_no_others(make_pool: MakePool) -> None:
    db = make_pool(timeout=7.0, autocommit=True)
    adb = AsyncPooledDatabase(db)
    assert adb.config is db.config
    assert repr(adb).replace("Async", "") == repr(db)
    with pytest.raises(TypeError, match="max_size = 3: this pool shares"):
        AsyncPooledDatabase(db, max_size=3)
    with pytest.raises(TypeError, match="has a check"):
        AsyncPooledDatabase(make_pool(check=lambda connection: None))


def test_threads_and_tasks_share_under_load(make_pool: MakePool) -> None:
    db = make_pool(min_size=2, max_size=2)

    async def body() -> None:
        adb = AsyncPooledDatabase(db)
        await adb.open()

        async def task(n: int) -> int:
            return await adb.fetch_val("SELECT %s::int", [n])

        both = [task(n) for n in range(50)]
        both += [asyncio.to_thread(db.fetch_val, "SELECT %s::int", [n]) for n in range(50)]
        assert await asyncio.gather(*both) == [*range(50), *range(50)]

    asyncio.run(body())
    eventually(lambda: db.stats["leased"] == 0)
