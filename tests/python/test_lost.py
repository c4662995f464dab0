"""A leased connection that is lost: its state says so, and nothing passes for committed."""

from __future__ import annotations

from typing import Any

import pytest

import pycopg
from conftest import Run, eventually, eventually_async, idle
from pycopg import AsyncPooledDatabase, PooledDatabase, TransactionStatus


@pytest.mark.parametrize("kind", ["connection", "transaction"])
def test_a_lost_connection_says_so_and_leaving_its_block_raises(users: PooledDatabase, kind: str) -> None:
    reached_the_end = False

    def use() -> None:
        nonlocal reached_the_end
        with getattr(users, kind)() as conn:
            conn.execute("UPDATE users SET active = false")
            assert not conn.closed
            users.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
            with pytest.raises(pycopg.OperationalError):
                conn.execute("SELECT 1")
            assert conn.closed
            assert conn.info.transaction_status is TransactionStatus.UNKNOWN
            assert repr(conn) == "<pycopg.Connection closed>"
            with pytest.raises(pycopg.OperationalError):
                conn.execute("SELECT 1")
            reached_the_end = True

    with pytest.raises(pycopg.OperationalError):  # the commit
        use()
    assert reached_the_end
    eventually(lambda: users.stats["leased"] == 0)
    assert users.fetch_val("SELECT count(*) FROM users WHERE active") == 2


def test_a_lost_connection_that_is_forgotten_goes_back_with_a_warning(users: PooledDatabase) -> None:
    conn = users.connection().__enter__()
    conn.execute("SELECT 1")
    users.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
    with pytest.raises(pycopg.OperationalError):
        conn.execute("SELECT 1")
    assert conn.closed
    with pytest.warns(ResourceWarning, match="never given back"):
        del conn
    eventually(lambda: users.stats["leased"] == 0)


def test_a_lost_connection_says_so_to_its_task(run: Run, users: PooledDatabase) -> None:
    ends = 0

    async def use(around: Any) -> None:
        nonlocal ends
        async with around() as conn:
            await conn.execute("UPDATE users SET active = false")
            assert not conn.closed
            users.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
            with pytest.raises(pycopg.OperationalError):
                await conn.execute("SELECT 1")
            assert conn.closed
            assert conn.info.transaction_status is TransactionStatus.UNKNOWN
            assert repr(conn) == "<pycopg.AsyncConnection closed>"
            ends += 1

    async def body(db: AsyncPooledDatabase) -> None:
        for around in (db.connection, db.transaction):
            with pytest.raises(pycopg.OperationalError):  # the commit
                await use(around)
            await eventually_async(lambda: idle(db))
        assert ends == 2
        assert await db.fetch_val("SELECT count(*) FROM users WHERE active") == 2

    run(body)


def test_a_lost_connection_that_a_task_forgets_goes_back_with_a_warning(run: Run, users: PooledDatabase) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        conn = await db.connection().__aenter__()
        await conn.execute("SELECT 1")
        users.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
        with pytest.raises(pycopg.OperationalError):
            await conn.execute("SELECT 1")
        assert conn.closed
        with pytest.warns(ResourceWarning, match="never given back"):
            del conn
        await eventually_async(lambda: db.stats["leased"] == 0)

    run(body)
