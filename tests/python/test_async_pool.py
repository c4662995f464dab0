"""AsyncPooledDatabase as a whole: opening, its bounds, `check`, closing, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import pathlib
import sys
import time

import pytest

import pycopg
from conftest import Run, eventually_async, idle
from pycopg import AsyncPooledDatabase, TransactionStatus


def test_the_pool_as_a_whole(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        await db.open()
        await asyncio.gather(db.open(), db.open())
        db.resize(3, 5)
        assert db.stats["pool_max"] == 5
        await db.resize(min_size=2, max_size=6)
        await db.wait(timeout=10)
        assert db.stats["pool_size"] >= 2
        await db.check()
        await db.drain()
        db.suspend()
        task = asyncio.ensure_future(db.fetch_val("SELECT 1"))
        await eventually_async(lambda: db.stats["requests_waiting"] == 1)
        await db.resume()
        assert await task == 1
        with pytest.raises(ValueError, match="min_size = 4"):
            db.resize(4, 3)
        with pytest.raises(ValueError, match="timeout"):
            db.connection(timeout=-1)

    run(body)


def test_opening_again_needs_no_connection(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection():
            await db.open()
        db.suspend()
        await db.open()
        db.resume()

    run(body, max_size=1, timeout=0.5)


def test_closing_tells_everybody(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        tasks = [asyncio.ensure_future(db.execute("SELECT pg_sleep(100)")) for _ in range(3)]
        await eventually_async(lambda: db.stats["requests_waiting"] == 2)
        began = time.monotonic()
        await asyncio.gather(db.close(timeout=0.1), db.close(timeout=0.1))
        assert time.monotonic() - began < 2
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, pycopg.PoolClosed) for result in results), results
        await db.close()
        for use in (db.execute("SELECT 1"), db.open(), db.wait(), db.check()):
            with pytest.raises(pycopg.PoolClosed):
                await use

    run(body, max_size=1)


def test_a_pool_that_is_not_open_yet(server_url: str) -> None:
    db = AsyncPooledDatabase.from_url(server_url)
    assert repr(db) == "AsyncPooledDatabase('postgres', size=0/10)"

    async def main() -> None:
        with pytest.raises(pycopg.PoolClosed, match="not open yet"):
            await db.execute("SELECT 1")
        await db.close()
        with pytest.raises(pycopg.PoolClosed):
            await db.open()

    asyncio.run(main())
    with pytest.raises(ValueError, match="max_size = 0"):
        AsyncPooledDatabase.from_url(server_url, 0, 0)


def test_what_cannot_work_fails_at_once(server_url: str) -> None:
    config = pycopg.Config.from_url(server_url)
    config.database = "no_such_database"

    async def main() -> None:
        db = AsyncPooledDatabase(config)
        began = time.monotonic()
        with pytest.raises(pycopg.ConfigurationError, match="no_such_database"):
            await db.open()
        with pytest.raises(pycopg.ConfigurationError, match="no_such_database"):
            await db.wait(timeout=20)
        assert time.monotonic() - began < 5
        await db.close()

    asyncio.run(main())


def test_check_refuses_connections(run: Run) -> None:
    refused: list[int] = []

    async def check(conn: pycopg.AsyncConnection) -> None:
        row = await (await conn.execute("SELECT pg_backend_pid() AS pid")).fetchone()
        assert row is not None
        if len(refused) < 2:
            refused.append(row["pid"])
            raise RuntimeError("not this one")

    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.fetch_val("SELECT pg_backend_pid()") not in refused
        assert len(refused) == 2
        assert await db.fetch_one("SELECT 1 AS a") == {"a": 1}
        assert await db.fetch_val("SELECT 1 AS a, 2 AS a") == 1
        assert await db.execute("UPDATE users SET active = true") == []
        before = db.stats["requests_num"]
        assert await db.execute_many("UPDATE users SET active = %s", []) == 0
        assert db.stats["requests_num"] == before, "which asks for no connection"
        assert await db.execute_many("UPDATE users SET active = %s", [[True], [False]]) == 4
        async with db.connection() as conn:
            assert conn.info.transaction_status is TransactionStatus.IDLE
        await eventually_async(lambda: idle(db))

    run(body, max_size=4, check=check)


def test_a_check_that_always_refuses_is_a_timeout_with_its_exception_as_the_cause(run: Run) -> None:
    async def check(conn: pycopg.AsyncConnection) -> None:
        raise RuntimeError("never")

    async def body(db: AsyncPooledDatabase) -> None:
        for use in (
            lambda: db.execute("SELECT 1"),
            lambda: db.connection().__aenter__(),
            lambda: db.execute_many("SELECT %s", [[1]]),
        ):
            with pytest.raises(
                pycopg.PoolTimeout, match="`check` refused each connection, 3 in .*RuntimeError: nev"
            ) as caught:
                await use()
            assert isinstance(caught.value.__cause__, RuntimeError)
            await eventually_async(lambda: idle(db))
            assert db.stats["leased"] == 0

    run(body, max_size=2, check=check)


def test_who_waits_for_a_connection_after_a_refused_one_is_told_of_the_refusal(run: Run) -> None:
    async def check(conn: pycopg.AsyncConnection) -> None:
        conn.pool.suspend()
        raise RuntimeError("never")

    async def body(db: AsyncPooledDatabase) -> None:
        with pytest.raises(pycopg.PoolTimeout, match="had no connection") as caught:
            await db.connection(timeout=0.2).__aenter__()
        assert isinstance(caught.value.__cause__, RuntimeError)
        db.resume()

    run(body, max_size=2, check=check)


def test_a_check_that_cannot_be_awaited_is_told_at_once(run: Run) -> None:
    called: list[object] = []

    async def body(db: AsyncPooledDatabase) -> None:
        for call in (db.execute, db.fetch_val):
            with pytest.raises(TypeError, match="check = .*it must be a coroutine function; it gave None"):
                await call("SELECT 1")
        assert len(called) == 2, "another connection would not be better"
        await eventually_async(lambda: idle(db))
        assert db.stats["connections_num"] == 1, "nor is this one bad"
        with pytest.raises(TypeError, match="check = 1: it must be a coroutine function"):
            AsyncPooledDatabase(db.config, check=1)

    run(body, max_size=2, check=called.append)


def own_threads() -> int:
    """Threads of pools' own."""
    return sum(name.read_text() == "copg\n" for name in pathlib.Path("/proc/self/task").glob("*/comm"))


def test_close_ends_the_thread_of_the_pool(server_url: str) -> None:
    async def body() -> None:
        before = own_threads()
        for _ in range(50):
            async with AsyncPooledDatabase.from_url(server_url, 1, 1):
                assert own_threads() == before + 1
            assert own_threads() == before

    asyncio.run(body())


def test_nothing_is_left_behind(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async def some() -> None:
            for _ in range(300):
                await db.execute("SELECT %s AS a", [1])
                async with db.connection() as conn:
                    await conn.execute("SELECT 1")
                with contextlib.suppress(pycopg.Error):
                    await db.execute("SELECT 1/0")

        await some()
        gc.collect()
        before = sys.getallocatedblocks()
        await some()
        gc.collect()
        assert sys.getallocatedblocks() - before < 200

    run(body)
