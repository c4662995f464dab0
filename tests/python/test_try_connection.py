"""A connection only if one is free at once, for threads and tasks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

import pycopg
from conftest import Run, eventually, eventually_async
from pycopg import AsyncPooledDatabase, PooledDatabase

MakePool = Callable[..., PooledDatabase]


def test_a_free_connection_is_leased_and_given_back(db: PooledDatabase) -> None:
    db.wait()
    with db.try_connection() as conn:
        assert conn is not None
        assert conn.fetch_val("SELECT 1") == 1
        assert db.stats["leased"] == 1
    eventually(lambda: db.stats["pool_available"] == 1)


def test_leaving_commits_as_any_connection_does(db: PooledDatabase) -> None:
    db.execute("CREATE TABLE t (a int)")
    with db.try_connection() as conn:
        assert conn is not None
        conn.execute("INSERT INTO t VALUES (1)")
    with contextlib.suppress(RuntimeError), db.try_connection() as conn:
        assert conn is not None
        conn.execute("INSERT INTO t VALUES (2)")
        raise RuntimeError
    assert db.fetch_all("SELECT a FROM t") == [{"a": 1}]


def test_none_leaves_no_trace(db: PooledDatabase) -> None:
    db.wait()
    with db.connection():
        before = db.stats
        with db.try_connection() as conn:
            assert conn is None
        assert {**db.stats, "usage_ms": 0} == {**before, "usage_ms": 0}


def test_none_while_others_wait_or_the_pool_is_suspended(make_pool: MakePool) -> None:
    db = make_pool(max_size=1)
    db.wait()
    with db.connection():
        other = threading.Thread(target=db.execute, args=["SELECT 1"])
        other.start()
        eventually(lambda: db.stats["requests_waiting"] == 1)
        with db.try_connection() as conn:
            assert conn is None
    other.join()
    db.suspend()
    with db.try_connection() as conn:
        assert conn is None
    db.resume()


def test_a_closed_pool_says_so(db: PooledDatabase) -> None:
    db.close()
    with pytest.raises(pycopg.PoolClosed), db.try_connection():
        pass


def test_a_lease_is_asked_for_once(db: PooledDatabase) -> None:
    db.wait()
    attempt = db.try_connection()
    with attempt as conn:
        assert conn is not None
    with pytest.raises(pycopg.InterfaceError), attempt:
        pass


def test_what_check_refuses_is_not_handed_out(make_pool: MakePool, caplog: pytest.LogCaptureFixture) -> None:
    refusing = True

    def check(conn: pycopg.Connection) -> None:
        conn.execute("SELECT 1")
        if refusing:
            raise RuntimeError("not this one")

    db = make_pool(min_size=2, max_size=2, check=check)
    db.wait()
    with caplog.at_level(logging.WARNING, logger="pycopg"), db.try_connection() as conn:
        assert conn is None
    assert "not this one" in caplog.text
    refusing = False
    db.wait()
    with db.try_connection() as conn:
        assert conn is not None
        assert conn.info.transaction_status is pycopg.TransactionStatus.IDLE


def test_in_asyncio(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.try_connection() as conn:
            assert conn is not None
            assert await conn.fetch_val("SELECT 1") == 1
            before = db.stats
            async with db.try_connection() as none:
                assert none is None
            assert db.stats["requests_num"] == before["requests_num"]
        await db.close()
        with pytest.raises(pycopg.PoolClosed):
            async with db.try_connection():
                pass

    run(body, min_size=1, max_size=1)


def test_in_asyncio_none_while_others_wait(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection():
            other = asyncio.ensure_future(db.execute("SELECT 1"))
            await eventually_async(lambda: db.stats["requests_waiting"] == 1)
            async with db.try_connection() as conn:
                assert conn is None
        await other

    run(body, min_size=1, max_size=1)


def test_in_asyncio_with_a_check(run: Run) -> None:
    refusals: list[Any] = []

    async def check(conn: pycopg.AsyncConnection) -> None:
        await conn.execute("SELECT 1")
        if not refusals:
            refusals.append(conn.info.backend_pid)
            raise RuntimeError("not this one")

    async def body(db: AsyncPooledDatabase) -> None:
        await db.wait()
        async with db.try_connection() as conn:
            assert conn is not None
            assert conn.info.backend_pid != refusals[0]

    run(body, min_size=2, max_size=2, check=check)
