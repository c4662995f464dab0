"""`on_return` and `before_close`, of threads and tasks."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

import pycopg
from conftest import Run, eventually, eventually_async
from pycopg import AsyncPooledDatabase, Connection, PooledDatabase

MakePool = Callable[..., PooledDatabase]


def test_on_return_is_called_after_each_lease(make_pool: MakePool) -> None:
    seen: list[object] = []

    def on_return(conn: Connection) -> None:
        seen.append((conn.autocommit, conn.fetch_val("SELECT 1"), conn.info.transaction_status))

    db = make_pool(max_size=1, on_return=on_return)
    db.execute("SELECT 1")
    eventually(lambda: db.stats["pool_available"] == 1)
    with db.connection() as conn:
        conn.execute("SET work_mem = '7MB'")
    eventually(lambda: db.stats["pool_available"] == 1)
    assert seen == [(True, 1, pycopg.TransactionStatus.IDLE)] * 2
    assert db.stats["connections_num"] == 1


def test_on_return_that_raises_closes_the_connection(make_pool: MakePool, caplog: pytest.LogCaptureFixture) -> None:
    def on_return(conn: Connection) -> None:
        raise RuntimeError("not again")

    db = make_pool(min_size=0, max_size=1, on_return=on_return)
    with caplog.at_level(logging.WARNING, logger="pycopg"):
        first = db.fetch_val("SELECT pg_backend_pid()")
        assert db.fetch_val("SELECT pg_backend_pid()") != first
    assert "on_return of" in caplog.text
    assert "not again" in caplog.text


def test_before_close_is_called_when_the_pool_is_closed(make_pool: MakePool, db: PooledDatabase) -> None:
    db.execute("CREATE TABLE goodbyes (pid int)")

    def before_close(conn: Connection) -> None:
        conn.execute("INSERT INTO goodbyes VALUES (pg_backend_pid())")

    closing = make_pool(min_size=2, max_size=2, before_close=before_close)
    closing.wait()
    closing.close()
    assert db.fetch_val("SELECT count(DISTINCT pid) FROM goodbyes") == 2


def test_in_asyncio(run: Run) -> None:
    returned: list[int] = []
    closed: list[int] = []

    async def body(db: AsyncPooledDatabase) -> None:
        pid = await db.fetch_val("SELECT pg_backend_pid()")
        async with db.connection() as conn:
            assert conn.info.backend_pid == pid
        await eventually_async(lambda: returned == [pid] * 2 and db.stats["pool_available"] == 1)
        await db.close()
        assert closed == [pid]

    run(
        body,
        min_size=1,
        max_size=1,
        on_return=lambda conn: returned.append(conn.info.backend_pid),
        before_close=lambda conn: closed.append(conn.info.backend_pid),
    )


@pytest.mark.parametrize("option", ["on_return", "before_close"])
def test_a_coroutine_function_is_refused(make_pool: MakePool, option: str) -> None:
    async def hook(conn: object) -> None: ...

    with pytest.raises(TypeError, match=option):
        make_pool(**{option: hook})
