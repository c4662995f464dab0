"""Who holds what: db.leases() and db.waiters() of both pools."""

from __future__ import annotations

import asyncio
import dataclasses
import pathlib
import sys
import threading
from collections.abc import Callable

import pytest

import pycopg
from conftest import Run, eventually, eventually_async
from pycopg import AsyncPooledDatabase, LeaseInfo, PooledDatabase, WaiterInfo

MakePool = Callable[..., PooledDatabase]


def line_of(marker: str) -> int:
    """The line of this file that ends with `# marker`."""
    lines = pathlib.Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith("# " + marker))


def test_a_lease_shows_place_holder_and_connection(db: PooledDatabase) -> None:
    assert db.leases() == []
    with db.connection() as conn:  # taken
        (lease,) = db.leases()
        assert isinstance(lease, LeaseInfo)
        assert (lease.file, lease.line) == (__file__, line_of("taken"))
        assert lease.place == f"{__file__}:{lease.line}"
        if sys.version_info >= (3, 11):
            assert lease.function == "test_a_lease_shows_place_holder_and_connection"
        assert lease.holder.startswith("thread 'MainThread' (ident ")
        assert lease.backend_pid == conn.info.backend_pid
        assert lease.connection >= 1
        assert 0 <= lease.idle <= lease.age
        assert (lease.running, lease.statement, lease.status, lease.travelling) == (None, "", "idle", 0)
        with pytest.raises(dataclasses.FrozenInstanceError):
            lease.age = 1.0  # type: ignore[misc]
        conn.execute("SELECT 1")
        assert db.leases()[0].status == "in_transaction"
        with pytest.raises(pycopg.Error):
            conn.execute("SELECT 1/0")
        assert db.leases()[0].status == "failed"
        conn.rollback()
    assert db.leases() == []


def test_the_statement_that_runs_is_shown_without_parameters(db: PooledDatabase) -> None:
    with db.connection() as key:
        key.execute("SELECT pg_advisory_xact_lock(56)")
        other = threading.Thread(target=db.execute, args=["SELECT pg_advisory_xact_lock(%s), 'ä'", [56]], name="waits")
        other.start()
        eventually(lambda: any(lease.statement for lease in db.leases()))
        (lease,) = (lease for lease in db.leases() if lease.statement)
        assert lease.statement == "SELECT pg_advisory_xact_lock($1), 'ä'"
        assert lease.holder.startswith("thread 'waits'")
        assert lease.status == "active"
        assert lease.running is not None
        assert lease.idle == 0
    other.join()


def test_waiters_come_in_the_order_of_the_queue(make_pool: MakePool) -> None:
    db = make_pool(max_size=1, share=False, timeout=60.0)
    assert db.waiters() == []
    with db.connection():
        first = threading.Thread(target=db.execute, args=["SELECT 1"])
        first.start()
        eventually(lambda: len(db.waiters()) == 1)

        def lease() -> None:
            with db.connection() as conn:
                conn.execute("SELECT 2")

        second = threading.Thread(target=lease)
        second.start()
        eventually(lambda: len(db.waiters()) == 2)
        one, two = db.waiters()
        assert isinstance(one, WaiterInfo)
        assert [one.position, two.position] == [1, 2]
        assert [one.statement, two.statement] == ["SELECT 1", ""]
        assert one.waited >= two.waited >= 0
        assert one.remaining is not None
        assert 0 < one.remaining <= 60
        assert two.file == __file__
    first.join()
    second.join()


def test_before_opening_and_after_closing_there_are_none(server_url: str) -> None:
    db = PooledDatabase.from_url(server_url, open=False)
    assert (db.leases(), db.waiters()) == ([], [])
    db.open()
    db.close()
    assert (db.leases(), db.waiters()) == ([], [])


def test_tasks_have_names(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async def hold() -> None:
            async with db.connection() as conn:  # held by a task
                running = asyncio.ensure_future(conn.execute("SELECT pg_sleep(0.05)"))
                await eventually_async(lambda: db.leases()[0].statement != "")
                (lease,) = db.leases()
                assert lease.statement == "SELECT pg_sleep(0.05)"
                assert lease.status == "active"
                await running
                (lease,) = db.leases()
                assert (lease.statement, lease.status) == ("", "in_transaction")
                assert lease.holder == "task 'import'"
                assert (lease.file, lease.line) == (__file__, line_of("held by a task"))
                (same,) = db.sync.leases()
                assert (same.connection, same.place) == (lease.connection, lease.place)

        await asyncio.create_task(hold(), name="import")
        assert db.leases() == []

    run(body)


def test_many_waiting_tasks_are_shown(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection():
            tasks = [asyncio.ensure_future(db.execute("SELECT %s::int", [i])) for i in range(1000)]
            await eventually_async(lambda: len(db.waiters()) == len(tasks))
            waiters = db.waiters()
            assert [waiter.position for waiter in waiters] == list(range(1, len(tasks) + 1))
            assert {waiter.statement for waiter in waiters} == {"SELECT $1::int"}
        await asyncio.gather(*tasks)

    run(body, max_size=1, share=False)
