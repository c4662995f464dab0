"""A pool's `check`: what it refuses is replaced, and what it says in the end is told."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest

import pycopg
from conftest import eventually
from pycopg import PooledDatabase

MakePool = Callable[..., PooledDatabase]


def test_check_refuses_connections(make_pool: MakePool) -> None:
    refused: list[int] = []
    calls = 0

    def check(conn: pycopg.Connection) -> None:
        nonlocal calls
        calls += 1
        pid = conn.execute("SELECT pg_backend_pid() AS pid").fetchone()["pid"]
        if len(refused) < 2:
            refused.append(pid)
            raise RuntimeError("not this one")

    db = make_pool(max_size=4, check=check)
    assert db.fetch_val("SELECT pg_backend_pid()") not in refused
    assert len(refused) == 2
    db.execute("CREATE TABLE t (a int)")
    assert db.execute_many("INSERT INTO t VALUES (%s)", [[1], [2]]) == 2
    assert db.execute_many("INSERT INTO t VALUES (%s)", []) == 0, "which asks for no connection"
    with db.connection() as conn:
        assert conn.info.transaction_status is pycopg.TransactionStatus.IDLE
    with db.transaction() as conn:
        conn.execute("SELECT 1")
    assert calls == 7


def test_a_check_that_always_refuses_is_a_timeout_with_its_exception_as_the_cause(make_pool: MakePool) -> None:
    calls = 0

    def check(conn: pycopg.Connection) -> None:
        nonlocal calls
        calls += 1
        raise RuntimeError("never")

    db = make_pool(max_size=2, check=check)
    for use in (
        lambda: db.execute("SELECT 1"),
        lambda: db.connection().__enter__(),
        lambda: db.execute_many("SELECT %s", [[1]]),
        lambda: pycopg.connect(db),
    ):
        calls = 0
        with pytest.raises(
            pycopg.PoolTimeout, match="`check` refused each connection, 3 in .* RuntimeError: never"
        ) as caught:
            use()
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert calls == 3
        eventually(lambda: db.stats["pool_available"] == db.stats["pool_size"])
        assert db.stats["leased"] == 0


def test_connect_asks_the_check_of_its_pool(make_pool: MakePool) -> None:
    refused: list[int] = []

    def check(conn: pycopg.Connection) -> None:
        if len(refused) < 2:
            refused.append(conn.info.backend_pid)
            raise RuntimeError("not this one")

    conn = pycopg.connect(make_pool(max_size=4, check=check))
    assert len(refused) == 2
    assert conn.info.backend_pid not in refused
    assert conn.execute("SELECT 1").fetchone() == (1,)
    conn.close()


def test_who_waits_for_a_connection_after_a_refused_one_is_told_of_the_refusal(make_pool: MakePool) -> None:
    def check(conn: pycopg.Connection) -> None:
        db.suspend()
        raise RuntimeError("never")

    db = make_pool(max_size=2, check=check)
    db.wait()
    with pytest.raises(pycopg.PoolTimeout, match="had no connection") as caught:
        db.connection(timeout=0.2).__enter__()
    assert isinstance(caught.value.__cause__, RuntimeError)
    db.resume()


def test_a_check_that_refuses_slowly_ends_with_the_timeout_of_its_connection(make_pool: MakePool) -> None:
    calls = 0

    def check(conn: pycopg.Connection) -> None:
        nonlocal calls
        calls += 1
        conn.execute("SELECT pg_sleep(0.1)")
        raise RuntimeError("never")

    db = make_pool(max_size=20, check=check)
    db.wait()
    with pytest.raises(pycopg.PoolTimeout, match="`check` refused each connection, 1 in ") as caught:
        db.connection(timeout=0.05).__enter__()
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert calls == 1


def test_a_pool_whose_check_has_refused_a_connection_dies_with_its_last_reference(server_url: str) -> None:
    refusals = 0

    def refuse_once() -> None:
        nonlocal refusals
        refusals += 1
        if refusals == 1:
            raise RuntimeError("not this one")

    def check(conn: pycopg.Connection) -> None:
        refuse_once()

    async def async_check(conn: pycopg.AsyncConnection) -> None:
        refuse_once()

    async def use(async_db: pycopg.AsyncPooledDatabase) -> None:
        async with async_db:
            assert await async_db.fetch_val("SELECT 1") == 1

    gc.disable()
    try:
        db = PooledDatabase.from_url(server_url, 1, 2, check=check)
        assert db.fetch_val("SELECT 1") == 1
        db.close()
        alive = weakref.ref(db)
        del db
        assert alive() is None
        refusals = 0
        async_db = pycopg.AsyncPooledDatabase.from_url(server_url, 1, 2, check=async_check)
        asyncio.run(use(async_db))
        assert refusals == 2
        async_alive = weakref.ref(async_db)
        del async_db
        assert async_alive() is None
    finally:
        gc.enable()
