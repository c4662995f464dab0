"""Who holds what: db.leases() and db.waiters() of both pools."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import logging
import pathlib
import sys
import threading
from collections.abc import Callable
from typing import Any

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


def test_a_lease_can_be_given_a_name(db: PooledDatabase) -> None:
    with db.connection(name="import") as conn:
        assert conn.name == "import"
        assert db.leases()[0].name == "import"
        conn.name = "export"
        assert db.leases()[0].name == "export"
        conn.name = ""
        assert db.leases()[0].name is None
    with db.transaction(name="month") as conn:
        assert (conn.name, db.leases()[0].name) == ("month", "month")
    with db.try_connection(name="at once") as free:
        assert free is not None
        assert db.leases()[0].name == "at once"
    with db.connection() as conn:
        assert (conn.name, db.leases()[0].name) == ("", None)
        with pytest.raises(TypeError, match="name"):
            conn.name = 5  # type: ignore[assignment]


def test_a_lease_of_asyncio_can_be_given_a_name(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection(name="import") as conn:
            assert (conn.name, db.leases()[0].name) == ("import", "import")
            conn.name = "export"
            assert db.leases()[0].name == "export"
        async with db.transaction(name="month"):
            assert db.leases()[0].name == "month"
        async with db.try_connection(name="at once") as free:
            assert free is not None
            assert db.leases()[0].name == "at once"

    run(body)


def test_the_name_is_in_the_message_of_a_timeout(make_pool: MakePool) -> None:
    db = make_pool(max_size=1, timeout=0.2)
    raised: list[pycopg.PoolTimeout] = []

    def late() -> None:
        with pytest.raises(pycopg.PoolTimeout) as error:
            db.execute("SELECT 1")
        raised.append(error.value)

    with db.connection(name="import"):
        other = threading.Thread(target=late)
        other.start()
        other.join()
    text = str(raised[0])
    assert " for 'import' in thread 'MainThread'" in text
    assert "; 1 of 1 connections is leased but runs nothing, for " in text


def test_a_lease_that_is_held_idle_is_logged_and_counted(make_pool: MakePool, caplog: pytest.LogCaptureFixture) -> None:
    db = make_pool(held_idle_after=0.05)
    with caplog.at_level(logging.WARNING, "pycopg"), db.connection(name="slow") as conn:
        eventually(lambda: "leased without use for" in caplog.text)
        assert "test_leases.py:" in caplog.text
        assert " for 'slow' in thread" in caplog.text
        assert db.stats["leases_held_idle"] == 1
        conn.execute("SELECT 1")
        eventually(lambda: db.stats["leases_held_idle"] == 2)


def test_a_lease_of_asyncio_that_is_held_idle_is_counted(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            await eventually_async(lambda: db.stats["leases_held_idle"] == 1)
            await conn.execute("SELECT pg_sleep(0.2)")
            # While the statement ran, the lease was not idle: only the time before it was reported.
            assert db.stats["leases_held_idle"] == 1

    run(body, held_idle_after=0.1)


WRAPPER = """
import contextlib

def execute(db, sql):
    return db.execute(sql)

@contextlib.contextmanager
def unit_of_work(db):
    with db.connection() as conn:
        yield conn

@contextlib.asynccontextmanager
async def async_unit_of_work(db):
    async with db.connection() as conn:
        yield conn

def take_lock(db):
    db.execute("SELECT pg_advisory_xact_lock(57)")
"""


@pytest.fixture
def wrapper(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "myapp").mkdir()
    (tmp_path / "myapp" / "__init__.py").touch()
    (tmp_path / "myapp" / "db.py").write_text(WRAPPER)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("myapp.db")
    for name in ("myapp.db", "myapp"):
        sys.modules.pop(name)


@pytest.mark.parametrize("skip", [("myapp.db",), ["other", "myapp"]])
def test_a_wrapper_is_not_where_a_lease_was_taken(make_pool: MakePool, wrapper: Any, skip: Any) -> None:
    db = make_pool(origin_skip=skip)
    with wrapper.unit_of_work(db):  # unit of work
        assert db.leases()[0].place == f"{__file__}:{line_of('unit of work')}"
    with db.connection() as key:
        key.execute("SELECT pg_advisory_xact_lock(58)")
        other = threading.Thread(
            target=lambda: wrapper.execute(db, "SELECT pg_advisory_xact_lock(58)")  # in a thread
        )
        other.start()
        eventually(lambda: any(lease.statement for lease in db.leases()))
        (lease,) = (lease for lease in db.leases() if lease.statement)
        assert lease.place == f"{__file__}:{line_of('in a thread')}"
    other.join()


def test_where_a_thread_begins_in_the_wrapper_the_wrapper_is_shown(make_pool: MakePool, wrapper: Any) -> None:
    db = make_pool(origin_skip=("myapp.db",))
    with db.connection() as key:
        key.execute("SELECT pg_advisory_xact_lock(57)")
        other = threading.Thread(target=wrapper.take_lock, args=[db])
        other.start()
        eventually(lambda: any(lease.statement for lease in db.leases()))
        (lease,) = (lease for lease in db.leases() if lease.statement)
        assert lease.file == wrapper.__file__
    other.join()


def test_pools_with_other_options_see_the_same_lines_in_their_own_way(make_pool: MakePool, wrapper: Any) -> None:
    plain, skipping, other = make_pool(), make_pool(origin_skip=("myapp.db",)), make_pool(origin_skip=("myapp.d",))
    for _ in range(3):
        for db, expected in ((plain, wrapper.__file__), (skipping, __file__), (other, wrapper.__file__)):
            with wrapper.unit_of_work(db):
                assert db.leases()[0].file == expected


def test_a_wrapper_of_asyncio_is_not_where_a_lease_was_taken(run: Run, wrapper: Any) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with wrapper.async_unit_of_work(db):  # async unit of work
            assert db.leases()[0].place == f"{__file__}:{line_of('async unit of work')}"

        async def in_a_task() -> None:
            async with wrapper.async_unit_of_work(db):  # in a task
                assert db.leases()[0].place == f"{__file__}:{line_of('in a task')}"

        await asyncio.create_task(in_a_task())

    run(body, origin_skip=("myapp.db",))


@pytest.mark.parametrize("wrong", ["myapp.db", 5, [5]])
def test_what_is_no_list_of_modules_is_refused(server_url: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match="origin_skip = "):
        PooledDatabase.from_url(server_url, origin_skip=wrong)
