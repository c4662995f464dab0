"""Functions that are run again: when, how often, and what the last error tells."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

import pycopg
from conftest import Run
from pycopg import AsyncPooledDatabase, PooledDatabase


def failing_with(sqlstate: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '{sqlstate}'; END $$"


def test_a_function_is_run_until_it_succeeds(db: PooledDatabase) -> None:
    db.execute("CREATE TABLE tried (n int)")
    seen = []

    def work(conn: pycopg.Connection) -> str:
        seen.append(conn)
        conn.execute("INSERT INTO tried VALUES (%s)", [len(seen)])
        row = conn.execute("SHOW transaction_isolation").fetchone()
        assert row == {"transaction_isolation": "serializable"}
        if len(seen) < 3:
            conn.execute(failing_with("40001" if len(seen) == 1 else "40P01"))
        return "done"

    assert db.run(work, isolation="serializable") == "done"
    assert len(set(seen)) == 3
    assert db.fetch_val("SELECT sum(n) FROM tried") == 3
    assert db.stats["retries_num"] == 2


def test_the_last_error_tells_of_all_attempts(db: PooledDatabase) -> None:
    with pytest.raises(pycopg.Error) as raised:
        db.run(lambda conn: conn.execute(failing_with("40001")), attempts=2)
    assert raised.value.attempts == ["40001: made up", "40001: made up"]
    assert "made up; this was attempt 2 of 2; before it, 1: 40001: made up" in str(raised.value)
    with pytest.raises(pycopg.Error) as raised:
        db.run(lambda conn: conn.execute(failing_with("40001")), attempts=10**6, timeout=0.2)
    assert "the deadline leaves no time for another" in str(raised.value)


def test_its_statements_end_by_its_deadline(db: PooledDatabase) -> None:
    with pytest.raises(pycopg.QueryTimeout):
        db.run(lambda conn: conn.execute("SELECT pg_sleep(20)"), timeout=0.3)


def test_the_statements_of_a_task_end_by_its_deadline(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async def take_long(conn: pycopg.AsyncConnection) -> None:
            await conn.execute("SELECT pg_sleep(20)")

        with pytest.raises(pycopg.QueryTimeout):
            await db.run(take_long, timeout=0.3)

    run(body)


def test_no_other_error_is_repeated(db: PooledDatabase) -> None:
    runs = []

    def fail(conn: pycopg.Connection, how: Any) -> None:
        runs.append(how)
        if isinstance(how, str):
            conn.execute(how)
        else:
            raise how

    for how in (
        failing_with("23505"),
        LookupError(),
        KeyboardInterrupt(),
        "SELECT pg_terminate_backend(pg_backend_pid())",
    ):
        runs.clear()
        with pytest.raises(BaseException) as raised:  # noqa: PT011  (each has its own)
            db.run(lambda conn, how=how: fail(conn, how))
        assert len(runs) == 1, how
        assert getattr(raised.value, "attempts", None) is None
    assert db.stats["retries_num"] == 0


def test_it_is_refused_inside_a_transaction_of_the_same_pool(
    db: PooledDatabase, make_pool: Callable[..., PooledDatabase]
) -> None:
    other = make_pool()
    with db.transaction():
        with pytest.raises(pycopg.InterfaceError, match="inside a transaction"):
            db.run(lambda conn: None)
        assert other.run(lambda conn: 1) == 1
        results: list[int] = []
        thread = threading.Thread(target=lambda: results.append(db.run(lambda conn: 2)))
        thread.start()
        thread.join()
        assert results == [2]
    with pytest.raises(pycopg.InterfaceError, match="inside a transaction"):
        db.run(lambda conn: db.run(lambda conn: None))
    assert db.run(lambda conn: 3) == 3


def test_wrong_arguments(db: PooledDatabase) -> None:
    async def coroutine(conn: Any) -> None: ...

    wrong: Any = db
    for arguments, keywords, error in (
        ((None,), {}, TypeError),
        ((coroutine,), {}, TypeError),
        ((print,), {"attempts": 0}, ValueError),
        ((print,), {"attempts": "3"}, TypeError),
        ((print,), {"timeout": -1.0}, ValueError),
        ((print,), {"timeout": float("nan")}, ValueError),
        ((print,), {"isolation": "none"}, ValueError),
    ):
        with pytest.raises(error):
            wrong.run(*arguments, **keywords)


def test_a_decorator(db: PooledDatabase) -> None:
    runs = []

    @db.transactional(isolation="repeatable read", attempts=3)
    def add(conn: pycopg.Connection, a: int, *, b: int) -> Any:
        """Adds."""
        runs.append(a)
        if len(runs) == 1:
            conn.execute(failing_with("40001"))
        row: Any = conn.execute("SELECT %s::int + %s::int AS sum", [a, b]).fetchone()
        return row["sum"]

    assert add(1, b=2) == 3
    assert runs == [1, 1]
    assert (add.__name__, add.__doc__) == ("add", "Adds.")


def test_in_tasks(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        runs = []

        @db.transactional(isolation="serializable")
        async def add(conn: pycopg.AsyncConnection, a: int) -> Any:
            runs.append(a)
            if len(runs) < 3:
                await conn.execute(failing_with("40001"))
            row: Any = await (await conn.execute("SELECT %s::int + 1 AS sum", [a])).fetchone()
            return row["sum"]

        assert await add(1) == 2
        assert len(runs) == 3
        assert db.stats["retries_num"] == 2

        async def nested(conn: pycopg.AsyncConnection) -> None:
            with pytest.raises(pycopg.InterfaceError, match="inside a transaction"):
                await add(1)
            assert await asyncio.create_task(add(2)) == 3

        await db.run(nested)

        async def always_fails(conn: pycopg.AsyncConnection) -> None:
            runs.append(0)
            await conn.execute(failing_with("40001"))

        runs.clear()
        with pytest.raises(asyncio.TimeoutError):  # between two attempts, or in one
            await asyncio.wait_for(db.run(always_fails, attempts=10**6), 0.2)
        ended_with = len(runs)
        assert await db.fetch_val("SELECT 1") == 1
        assert len(runs) == ended_with > 1

    run(body)


def test_fifty_threads_increment_one_row(make_pool: Callable[..., PooledDatabase]) -> None:
    db = make_pool(max_size=10, timeout=100.0)
    db.execute("CREATE TABLE counted (n int); INSERT INTO counted VALUES (0)")

    @db.transactional(isolation="serializable", attempts=10**5)
    def increment(conn: pycopg.Connection) -> None:
        row: Any = conn.execute("SELECT n FROM counted").fetchone()
        conn.execute("UPDATE counted SET n = %s", [row["n"] + 1])

    threads = [threading.Thread(target=lambda: [increment() for _ in range(20)]) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.fetch_val("SELECT n FROM counted") == 1000
    assert db.stats["retries_num"] > 0
