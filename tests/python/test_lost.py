"""A leased connection that is lost: its state says so, and nothing passes for committed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
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


@pytest.fixture
def resolving(make_pool: Callable[..., PooledDatabase], users: PooledDatabase) -> PooledDatabase:
    """A pool of one connection. What it inserts into `kept` is checked at COMMIT, for a minute."""
    users.execute(
        "CREATE TABLE kept (a int); CREATE FUNCTION check_slowly() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON kept "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_slowly()"
    )
    return make_pool(min_size=1, max_size=1, resolve_commits=True)


@pytest.fixture
def commits_wait(users: PooledDatabase) -> Iterator[None]:
    """A COMMIT with synchronous_commit = on has happened, and waits for a standby that does not exist."""
    users.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    users.execute("SELECT pg_reload_conf()")

    def waits() -> bool:
        try:
            with users.connection() as conn:
                conn.execute("SET LOCAL synchronous_commit = on")
                conn.execute("UPDATE users SET active = active")
                conn.timeout = 0.05
        except pycopg.CommitUnknown:
            return True
        return False

    try:
        eventually(waits)
        yield
    finally:
        users.execute("ALTER SYSTEM RESET synchronous_standby_names")
        users.execute("SELECT pg_reload_conf()")


def terminate_committing(users: PooledDatabase) -> threading.Thread:
    """Starts a thread that ends the backend that is inside COMMIT, once there is one."""
    thread = threading.Thread(
        target=eventually,
        args=[
            lambda: users.fetch_val(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = 'COMMIT' "
                "AND state = 'active'"
            )
        ],
    )
    thread.start()
    return thread


def test_a_lost_commit_that_was_rolled_back_says_so(resolving: PooledDatabase, users: PooledDatabase) -> None:
    thread = terminate_committing(users)
    with pytest.raises(pycopg.OperationalError, match="was rolled back") as raised, resolving.transaction() as conn:
        conn.execute("INSERT INTO kept VALUES (1)")
    thread.join()
    assert not isinstance(raised.value, pycopg.CommitUnknown)
    assert users.fetch_val("SELECT count(*) FROM kept") == 0
    assert resolving.fetch_val("SELECT 1") == 1


def test_a_lost_commit_that_has_happened_succeeds(
    commits_wait: None, resolving: PooledDatabase, users: PooledDatabase
) -> None:
    users.execute("DROP TRIGGER slow ON kept")
    thread = terminate_committing(users)
    with resolving.transaction() as conn:
        conn.execute("SET LOCAL synchronous_commit = on")
        conn.execute("INSERT INTO kept VALUES (1)")
    thread.join()
    assert conn.closed
    assert users.fetch_val("SELECT count(*) FROM kept") == 1
    assert resolving.fetch_val("SELECT 1") == 1


def test_a_transaction_asks_for_its_lost_commit_to_be_resolved(
    make_pool: Callable[..., PooledDatabase], resolving: PooledDatabase, users: PooledDatabase
) -> None:
    on_request = make_pool(min_size=1, max_size=1, resolve_commits="on_request")
    for options, error in (({"resolve_commit": True}, pycopg.OperationalError), ({}, pycopg.CommitUnknown)):
        thread = terminate_committing(users)
        with pytest.raises(error) as raised, on_request.transaction(**options) as conn:
            conn.execute("INSERT INTO kept VALUES (1)")
        thread.join()
        assert isinstance(raised.value, pycopg.CommitUnknown) == (not options)
    with pytest.raises(pycopg.InterfaceError, match="resolve_commits"), users.transaction(resolve_commit=True):
        raise AssertionError("was entered")
    with pytest.raises(ValueError, match="resolve_commits = 1: it must be True, False or 'on_request'"):
        make_pool(resolve_commits=1)


def test_a_task_asks_for_its_lost_commit_to_be_resolved(
    run: Run, resolving: PooledDatabase, users: PooledDatabase
) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        thread = terminate_committing(users)
        with pytest.raises(pycopg.OperationalError, match="was rolled back"):
            async with db.transaction(resolve_commit=True) as conn:
                await conn.execute("INSERT INTO kept VALUES (1)")
        thread.join()
        thread = terminate_committing(users)
        with pytest.raises(pycopg.CommitUnknown):
            async with db.transaction() as conn:
                await conn.execute("INSERT INTO kept VALUES (1)")
        thread.join()

    run(body, min_size=1, max_size=1, resolve_commits="on_request")


def test_a_task_learns_that_its_lost_commit_was_rolled_back(
    run: Run, resolving: PooledDatabase, users: PooledDatabase
) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        thread = terminate_committing(users)
        with pytest.raises(pycopg.OperationalError, match="was rolled back"):
            async with db.transaction() as conn:
                await conn.execute("INSERT INTO kept VALUES (1)")
        thread.join()
        assert await db.fetch_val("SELECT count(*) FROM kept") == 0

    run(body, min_size=1, max_size=1, resolve_commits=True)


def test_a_task_learns_that_its_lost_commit_has_happened(
    run: Run, commits_wait: None, resolving: PooledDatabase, users: PooledDatabase
) -> None:
    users.execute("DROP TRIGGER slow ON kept")

    async def body(db: AsyncPooledDatabase) -> None:
        thread = terminate_committing(users)
        async with db.transaction() as conn:
            await conn.execute("SET LOCAL synchronous_commit = on")
            await conn.execute("INSERT INTO kept VALUES (1)")
        thread.join()
        assert conn.closed
        assert await db.fetch_val("SELECT count(*) FROM kept") == 1

    run(body, min_size=1, max_size=1, resolve_commits=True)
