"""Connections that leave the pool, of threads and tasks."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

import pycopg
from conftest import Run, eventually
from pycopg import AsyncPooledDatabase, PooledDatabase

MakePool = Callable[..., PooledDatabase]

is_there = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"


def test_the_place_is_free_and_the_connection_goes_on(make_pool: MakePool) -> None:
    db = make_pool(max_size=1)
    with db.connection() as conn:
        pid = conn.info.backend_pid
        conn.execute("CREATE TABLE t (a int)")
        own = conn.detach()
        with pytest.raises(pycopg.InterfaceError):
            conn.execute("SELECT 1")
    assert db.fetch_val("SELECT pg_backend_pid()") != pid
    assert db.fetch_val("SELECT to_regclass('t')") is None, "the transaction went along, and is open"
    with own as same:
        assert same is own
        assert own.info.backend_pid == pid
        own.execute("INSERT INTO t VALUES (1)")
    assert db.fetch_val("SELECT a FROM t") == 1
    eventually(lambda: not db.fetch_val(is_there, [pid]))
    assert db.stats["connections_detached"] == 1
    with pytest.raises(pycopg.InterfaceError):
        own.execute("SELECT 1")


def test_an_exception_rolls_back_and_closes(db: PooledDatabase) -> None:
    db.execute("CREATE TABLE t (a int)")
    with db.connection() as conn:
        own = conn.detach()
    pid = own.info.backend_pid

    def fail() -> None:
        with own:
            own.execute("INSERT INTO t VALUES (1)")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    eventually(lambda: not db.fetch_val(is_there, [pid]))
    assert db.fetch_val("SELECT count(*) FROM t") == 0


def test_the_close_of_the_pool_does_not_end_it(make_pool: MakePool, server_url: str) -> None:
    db = make_pool()
    with db.connection() as conn:
        own = conn.detach()
    db.close()
    assert own.fetch_val("SELECT 1") == 1
    with pytest.raises(pycopg.QueryTimeout):
        own.execute("SELECT pg_sleep(30)", timeout=0.05)
    own.close()
    assert own.closed


def test_a_transaction_block_stays_with_its_lease(db: PooledDatabase) -> None:
    with db.transaction() as conn:
        with pytest.raises(pycopg.ProgrammingError, match=r"detach\(\) inside a transaction\(\) block"):
            conn.detach()
        conn.execute("SELECT 1")
    assert db.stats["connections_detached"] == 0


def test_one_that_is_never_closed_is_warned_of(db: PooledDatabase) -> None:
    with db.connection() as conn:
        own = conn.detach()
    pid = own.info.backend_pid
    kept = [own]
    del own
    with pytest.warns(ResourceWarning):
        kept.clear()
    eventually(lambda: not db.fetch_val(is_there, [pid]))


def test_a_forked_child_leaves_it_to_its_parent(db: PooledDatabase) -> None:
    with db.connection() as conn:
        own = conn.detach()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            own.execute("SELECT 1")
        except pycopg.InterfaceError:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert own.fetch_val("SELECT 1") == 1
    own.close()


def test_in_asyncio(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            pid = conn.info.backend_pid
            own = await conn.detach()
            with pytest.raises(pycopg.InterfaceError):
                await conn.execute("SELECT 1")
        assert await db.fetch_val("SELECT pg_backend_pid()") != pid
        async with db.transaction() as tx:
            with pytest.raises(pycopg.ProgrammingError):
                await tx.detach()
        await db.close()
        async with own as same:
            assert same is own
            assert await own.fetch_val("SELECT pg_backend_pid()") == pid
            with pytest.raises(pycopg.QueryTimeout):
                await own.execute("SELECT pg_sleep(30)", timeout=0.05)
            await own.close()
        assert own.closed

    run(body, min_size=1, max_size=1)
