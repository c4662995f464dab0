"""The asynchronous `execute_many` of an asynchronous iterable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import pycopg
from conftest import NextRound, Run, eventually_async, idle
from pycopg import AsyncPooledDatabase, PooledDatabase, TransactionStatus

INSERT = "INSERT INTO numbers VALUES (%s)"


async def numbers(
    count: int, fail_at: int | None = None, error: type[BaseException] = LookupError
) -> AsyncIterator[Any]:
    for number in range(count):
        if number == fail_at:
            raise error
        if number % 100 == 0:
            await NextRound()
        yield [number]


class Slow:
    """Gives `count` rows, and then nothing, for ever; no generator."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.waits = asyncio.Event()

    def __aiter__(self) -> Slow:
        return self

    async def __anext__(self) -> list[int]:
        if self.left == 0:
            self.waits.set()
            await asyncio.get_running_loop().create_future()
        self.left -= 1
        return [self.left]


@pytest.fixture(autouse=True)
def table(users: PooledDatabase) -> None:
    users.execute("CREATE TABLE numbers (n int UNIQUE)")


async def count(db: AsyncPooledDatabase) -> int:
    rows: int = await db.fetch_val("SELECT count(*) FROM numbers")
    return rows


@pytest.mark.parametrize("options", [{}, {"autocommit": True}, {"check": True}], ids=str)
def test_rows_of_an_asynchronous_iterable_are_sent_as_they_come(run: Run, options: dict[str, Any]) -> None:
    async def check(conn: pycopg.AsyncConnection) -> None:
        await conn.execute("SELECT 1")

    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.execute_many(INSERT, numbers(1000)) == 1000
        assert await count(db) == 1000
        before = db.stats["requests_num"]
        assert await db.execute_many(INSERT, numbers(0)) == 0
        assert db.stats["requests_num"] == before, "which asks for no connection"
        async with db.connection() as conn:
            assert await conn.execute_many("DELETE FROM numbers WHERE n = %s", numbers(600)) == 600
            async with conn.cursor() as cur:
                await cur.executemany("DELETE FROM numbers WHERE n = %s", numbers(700))
                assert cur.rowcount == 100
        assert await count(db) == 300

    run(body, **({"check": check} if "check" in options else options))


@pytest.mark.parametrize("autocommit", [False, True])
@pytest.mark.parametrize("fail_at", [0, 10, 1000])
def test_what_the_source_raises_undoes_all_rows(run: Run, autocommit: bool, fail_at: int) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        with pytest.raises(LookupError):
            await db.execute_many(INSERT, numbers(2000, fail_at))
        async with db.connection() as conn:
            with pytest.raises(LookupError):
                await conn.execute_many(INSERT, numbers(2000, fail_at))
            if conn.info.transaction_status is TransactionStatus.INERROR:
                await conn.rollback()
            await conn.execute(INSERT, [7])
        assert await count(db) == 1
        await eventually_async(lambda: idle(db))
        assert db.stats["connections_num"] == 1, "and none was closed for it"

    run(body, autocommit=autocommit, max_size=1)


def test_a_source_that_fails_in_a_transaction_with_other_work_makes_it_fail(run: Run) -> None:
    async def use(db: AsyncPooledDatabase) -> None:
        async with db.transaction() as conn:
            await conn.execute(INSERT, [-1])
            with pytest.raises(LookupError):
                await conn.execute_many(INSERT, numbers(2000, 1000))
            assert conn.info.transaction_status is TransactionStatus.INERROR

    async def body(db: AsyncPooledDatabase) -> None:
        with pytest.raises(pycopg.InternalError):  # the commit
            await use(db)
        assert await count(db) == 0

    run(body)


def test_an_error_names_the_row_of_all_that_came(run: Run) -> None:
    async def with_a_bad_row(bad: object) -> AsyncIterator[Any]:
        for number in range(2000):
            yield [bad if number == 1234 else number]

    async def body(db: AsyncPooledDatabase) -> None:
        with pytest.raises(pycopg.IntegrityError) as refused:
            await db.execute_many(INSERT, with_a_bad_row(5))
        assert refused.value.row_index == 1234
        assert str(refused.value).startswith("row 1234: ")
        with pytest.raises(pycopg.DataError) as unsendable:
            await db.execute_many(INSERT, with_a_bad_row("\0"))
        assert unsendable.value.row_index == 1234
        with pytest.raises(pycopg.ProgrammingError, match="^row 1234: "):
            await db.execute_many(INSERT, with_a_bad_row(object()))
        assert await count(db) == 0

    run(body)


@pytest.mark.parametrize("rows", [0, 10, 1000])
@pytest.mark.parametrize("autocommit", [False, True])
def test_a_task_that_is_cancelled_while_the_source_waits_leaves_no_row(run: Run, rows: int, autocommit: bool) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        source = Slow(rows)
        task = asyncio.ensure_future(db.execute_many(INSERT, source))
        await source.waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await count(db) == 0
        await eventually_async(lambda: idle(db))
        assert db.stats["connections_num"] == 1

    run(body, max_size=1, autocommit=autocommit)


def test_a_task_that_is_cancelled_while_rows_are_inserted_leaves_none(run: Run, users: PooledDatabase) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        with users.transaction() as conn:
            conn.execute(INSERT, [1000])  # the other one waits for it
            task = asyncio.ensure_future(db.execute_many(INSERT, numbers(2000)))
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT%'"
            await eventually_async(lambda: users.fetch_val(waiting))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await eventually_async(lambda: idle(db))
        assert await count(db) == 1

    run(body, max_size=1)


def test_a_coroutine_that_is_dropped_while_the_source_waits_leaves_no_row(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            source = Slow(1000)
            coroutine = conn.execute_many(INSERT, source)
            task = asyncio.ensure_future(waits_for(coroutine.__await__()))
            await source.waits.wait()
            coroutine.close()
            task.cancel()
            with pytest.raises((asyncio.CancelledError, RuntimeError)):
                await task
        await eventually_async(lambda: idle(db))
        assert await count(db) == 0

    async def waits_for(steps: Any) -> None:
        class Steps:
            def __await__(self) -> Any:
                return steps

        await Steps()

    run(body, max_size=1)


def test_the_deadline_counts_the_source_and_does_not_interrupt_it(run: Run) -> None:
    async def late() -> AsyncIterator[list[int]]:
        now = asyncio.get_running_loop().time
        for number in range(999):
            yield [number]
        behind_the_deadline = now() + 0.5
        await eventually_async(lambda: now() > behind_the_deadline)
        yield [999]

    async def use(db: AsyncPooledDatabase) -> None:
        await db.execute_many(INSERT, late())

    async def body(db: AsyncPooledDatabase) -> None:
        with pytest.raises(pycopg.QueryTimeout):
            await use(db)
        await eventually_async(lambda: idle(db))
        assert await count(db) == 0

    run(body, timeout=0.4)


@pytest.mark.parametrize("at", [0, 10, 900])
def test_a_source_that_uses_the_same_connection_is_told_so_at_once(run: Run, at: int) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:

            async def source() -> AsyncIterator[list[int]]:
                for number in range(1000):
                    if number == at:
                        with pytest.raises(pycopg.InterfaceError, match="inside a call that this code runs in"):
                            await conn.execute("SELECT 1")
                    yield [number]

            assert await conn.execute_many(INSERT, source()) == 1000
            await conn.execute("SELECT 1")

    run(body)


def test_other_tasks_wait_for_their_turn_on_the_connection(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            many = asyncio.ensure_future(conn.execute_many(INSERT, numbers(1000)))
            await eventually_async(lambda: conn._turns._taken)
            row = await (await conn.execute("SELECT count(*) AS n FROM numbers")).fetchone()
            assert row == {"n": 1000}
            assert await many == 1000

    run(body)


def test_no_more_than_a_batch_is_held(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:

            async def source() -> AsyncIterator[list[int]]:
                for number in range(1000):
                    was_sent = conn.info.transaction_status is TransactionStatus.INTRANS
                    assert was_sent == (number >= 256), number
                    yield [number]

            assert await conn.execute_many(INSERT, source()) == 1000

    run(body)


MISUSES: dict[str, Callable[[PooledDatabase], object]] = {
    "pool": lambda db: db.execute_many(INSERT, numbers(1)),  # type: ignore[arg-type]
    "connection": lambda db: pycopg.connect(db).execute_many(INSERT, numbers(1)),  # type: ignore[arg-type]
    "cursor": lambda db: pycopg.connect(db).cursor().executemany(INSERT, numbers(1)),  # type: ignore[arg-type]
    "check": lambda db: PooledDatabase(db.config, 1, 1, check=lambda conn: None).execute_many(
        INSERT,
        numbers(1),  # type: ignore[arg-type]
    ),
}


@pytest.mark.filterwarnings("ignore:a connection was never given back:ResourceWarning")
@pytest.mark.parametrize("kind", MISUSES)
def test_a_pool_for_threads_says_that_it_can_not_read_one(kind: str, users: PooledDatabase) -> None:
    with pytest.raises(TypeError, match="^an asynchronous iterable can't be read here: give a list, or use Async"):
        MISUSES[kind](users)
