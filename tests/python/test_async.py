"""AsyncPooledDatabase: calls, connections, cancelling, deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import sys
import threading
import time
import warnings

import psycopg_pool
import pytest

import pycopg
from conftest import NextRound, Run, eventually_async, idle
from pycopg import AsyncPooledDatabase, PooledDatabase, TransactionStatus


def test_calls_on_the_pool(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.execute("SELECT name FROM users ORDER BY id") == [{"name": "Ada"}, {"name": "Grace"}]
        assert await db.execute("UPDATE users SET active = true") == []
        assert await db.fetch_one("SELECT name FROM users WHERE id = %s", [1]) == {"name": "Ada"}
        assert await db.fetch_one("SELECT name FROM users WHERE id = %(id)s", {"id": 7}) is None
        assert await db.fetch_val("SELECT count(*) FROM users") == 2
        assert await db.execute_many("INSERT INTO users (name) VALUES (%s)", [("a",), ("b",)]) == 2
        assert await db.execute_many("INSERT INTO users (name) VALUES (%s)", []) == 0
        for fetch in (db.fetch_one, db.fetch_val):
            assert await fetch("UPDATE users SET active = true") is None
        with pytest.raises(pycopg.IntegrityError) as raised:
            await db.execute_many("INSERT INTO users (name) VALUES (%s)", (name for name in (["c"], ["a"])))
        assert raised.value.row_index == 1
        with pytest.raises(pycopg.ProgrammingError, match="1 placeholders but 0"):
            await db.execute("SELECT %s", [])
        assert await db.fetch_val("SELECT count(*) FROM users") == 4
        assert repr(db) == "AsyncPooledDatabase('postgres', size=1/4)"

    run(body)


def test_rows_as_tuples(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.execute("SELECT 1, 2") == [(1, 2)]
        assert await db.fetch_one("SELECT 1") == (1,)
        async with db.connection() as conn:
            assert await (await conn.execute("SELECT 3")).fetchone() == (3,)

    run(body, row_factory=tuple)


@pytest.mark.parametrize("checked", [False, True])
def test_rows_without_columns_are_rows(run: Run, checked: bool) -> None:
    async def check(conn: pycopg.AsyncConnection) -> None:
        pass

    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.execute("SELECT FROM generate_series(1, 3)") == [(), (), ()]
        assert await db.fetch_one("SELECT") == ()
        assert await db.fetch_val("SELECT WHERE false") is None
        with pytest.raises(pycopg.ProgrammingError, match="SELECT 1.*no column"):
            await db.fetch_val("SELECT")

    run(body, row_factory=tuple, check=check if checked else None)


def test_a_large_answer_and_many_rows(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        rows = await db.execute("SELECT n, repeat('x', 1000) AS x FROM generate_series(1, 20000) AS n")
        assert len(rows) == 20000
        await db.execute("CREATE TABLE many (a int, b text)")
        count = await db.execute_many("INSERT INTO many VALUES (%s, %s)", ((i, "y" * 500) for i in range(20000)))
        assert count == 20000
        assert await db.fetch_val("SELECT %s", ["z" * 10_000_000]) == "z" * 10_000_000

    run(body)


def test_many_tasks_share_few_connections_in_their_order(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        order: list[int] = []

        async def one(number: int) -> None:
            assert await db.fetch_val("SELECT %s::int", [number]) == number
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(1000)))
        assert order == list(range(1000))
        assert db.stats["connections_num"] == 1

    run(body, max_size=1)


def test_connections_cursors_and_transactions(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            assert conn.info.transaction_status is TransactionStatus.IDLE
            async with conn.cursor() as cur:
                await cur.execute("SELECT n FROM generate_series(1, %s) AS n", [5])
                assert (cur.rowcount, cur.statusmessage) == (5, "SELECT 5")
                assert await cur.fetchone() == {"n": 1}
                assert await cur.fetchmany(2) == [{"n": 2}, {"n": 3}]
                assert [row["n"] async for row in cur] == [4, 5]
                assert cur.description is not None
            assert conn.info.transaction_status is TransactionStatus.INTRANS
            await conn.commit()
            await conn.execute("DELETE FROM users")
            await conn.rollback()
            assert await conn.execute_many("INSERT INTO users (name) VALUES (%s)", [["x"], ["y"]]) == 2
        assert await db.fetch_val("SELECT count(*) FROM users") == 4
        with pytest.raises(LookupError):  # noqa: PT012
            async with db.connection() as conn:
                await conn.execute("DELETE FROM users")
                raise LookupError
        async with db.transaction() as conn:
            await conn.execute("INSERT INTO users (name) VALUES (%s)", ["Alice"])
            with pytest.raises(LookupError):  # noqa: PT012
                async with conn.transaction():
                    await conn.execute("DELETE FROM users")
                    raise LookupError
            async with conn.transaction():
                await conn.execute("UPDATE stats SET count = count + 1")
            with pytest.raises(pycopg.ProgrammingError, match="leave the block"):
                await conn.commit()
        assert await db.fetch_val("SELECT count(*) FROM users") == 5
        assert await db.fetch_val("SELECT count FROM stats") == 1
        with pytest.raises(pycopg.InternalError, match="rolled back, not committed"):  # noqa: PT012
            async with db.connection() as conn:
                with pytest.raises(pycopg.ProgrammingError):
                    await conn.execute("nonsense")
        for use in (conn.execute("SELECT 1"), conn.commit()):
            with pytest.raises(pycopg.InterfaceError):
                await use
        await conn.close()
        async with db.connection() as conn:
            await conn.set_autocommit(True)
            await conn.execute("INSERT INTO users (name) VALUES ('Edsger')")
            assert await db.fetch_val("SELECT count(*) FROM users") == 6
            await conn.close()
            assert conn.closed
        await eventually_async(lambda: idle(db))

    run(body)


def test_tasks_that_share_a_connection_take_turns(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:

            async def one(number: int) -> None:
                cursor = await conn.execute("SELECT %s::int AS n", [number])
                assert await cursor.fetchone() == {"n": number}

            await asyncio.gather(*(one(number) for number in range(50)))

    run(body)


def test_the_wait_for_ones_turn_has_the_deadline_of_the_call(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            first = asyncio.ensure_future(conn.execute("SELECT pg_sleep(0.7)"))
            await eventually_async(lambda: "not to be asked now" in repr(conn))
            second = asyncio.ensure_future(conn.execute("SELECT pg_sleep(0.7)"))
            await first
            with pytest.raises(pycopg.QueryTimeout, match=r"no answer from the server within 1(\.\d+)? s"):
                await second
            await conn.close()
        await eventually_async(lambda: idle(db))

    run(body, max_size=1, timeout=1.0)


def test_whoever_waits_too_long_for_a_turn_is_told_so(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            assert await conn._turns.take(1) == 0  # as a call that goes on for ever
            began = time.monotonic()
            another = asyncio.ensure_future(conn.execute("SELECT 1"))
            with pytest.raises(pycopg.PoolTimeout, match=r"no turn on this connection within 0\.2 s") as raised:
                await conn.execute("SELECT 1")
            assert time.monotonic() - began < 1
            assert isinstance(raised.value, psycopg_pool.PoolTimeout)
            with pytest.raises(pycopg.PoolTimeout):
                await another
            waiting = [asyncio.ensure_future(conn.execute("SELECT %s::int AS n", [n])) for n in range(3)]
            await NextRound()
            waiting[0].cancel()
            conn._turns.give()
            waiting[1].cancel()  # whose turn it is by now
            await asyncio.wait(waiting)
            assert [task.cancelled() for task in waiting] == [True, True, False]
            assert await waiting[2].result().fetchone() == {"n": 2}
            assert await (await conn.execute("SELECT 4 AS n")).fetchone() == {"n": 4}

    run(body, max_size=1, timeout=0.2)


@pytest.mark.parametrize("leave", ["with an exception", "by close"])
def test_a_block_that_is_left_under_anothers_call_gives_its_connection_back(run: Run, leave: str) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        with contextlib.suppress(LookupError):
            async with db.connection() as conn:
                other = asyncio.ensure_future(conn.execute("SELECT pg_sleep(0.2)"))
                await eventually_async(lambda: "not to be asked now" in repr(conn))
                if leave == "by close":
                    await conn.close()
                else:
                    raise LookupError
        assert conn.closed
        with pytest.raises(pycopg.InterfaceError, match="given back already"):
            await conn.execute("SELECT 1")
        await other
        await eventually_async(lambda: idle(db))
        assert await db.fetch_val("SELECT 1") == 1
        assert db.stats["connections_num"] == (2 if leave == "by close" else 1)

    run(body, max_size=1)


def test_after_the_block_the_handle_is_dead(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            await conn.set_autocommit(True)
        for use in (
            lambda: conn.execute("SELECT 1"),
            conn.commit,
            conn.rollback,
            lambda: conn.set_autocommit(False),
            lambda: conn.transaction().__aenter__(),
            conn.__aenter__,
        ):
            with pytest.raises(pycopg.InterfaceError):
                await use()
        assert repr(conn) == "<pycopg.AsyncConnection closed>"

    run(body)


def test_a_forgotten_connection_is_given_back_with_a_warning(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        conn = await db.connection().__aenter__()
        gc.collect()
        await conn.execute("SELECT 1")
        with pytest.warns(ResourceWarning, match="never given back"):
            del conn
        assert await db.fetch_val("SELECT 1") == 1

    run(body, max_size=1)


# cancelling and deadlines


def test_a_cancelled_query_is_cancelled_on_the_server_and_its_connection_goes_on(
    run: Run, users: PooledDatabase
) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        task = asyncio.ensure_future(db.execute("SELECT pg_sleep(100) /* cancelled */"))
        sql = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%cancelled */' AND state = 'active'"
        while users.fetch_val(sql) != 1:
            await NextRound()
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 0.1
        await eventually_async(lambda: users.fetch_val(sql) == 0)
        await eventually_async(lambda: idle(db))
        assert await db.fetch_val("SELECT 1") == 1
        assert db.stats["connections_num"] == 1

    run(body, max_size=1)


def test_a_query_that_is_cancelled_in_a_transaction_is_no_failed_rollback(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async def query() -> None:
            async with db.connection() as conn, conn.transaction(), conn.transaction():
                await conn.execute("SELECT pg_sleep(100)")

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(query(), 0.1)
        assert await db.fetch_val("SELECT 1") == 1

    run(body, max_size=1)
    assert not [record for record in caplog.records if record.name == "pycopg"]


def test_a_cancelled_waiter_leaves_the_queue_at_once(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection():
            tasks = [asyncio.ensure_future(db.fetch_val("SELECT %s::int", [n])) for n in range(10)]
            await eventually_async(lambda: db.stats["requests_waiting"] == 10)
            for task in tasks[:9]:
                task.cancel()
            await asyncio.gather(*tasks[:9], return_exceptions=True)
            assert db.stats["requests_waiting"] == 1
        assert await tasks[9] == 9

    run(body, max_size=1)


def test_a_task_that_is_cancelled_when_it_has_just_been_granted_a_connection_gives_it_back(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async def one() -> None:
            async with db.connection():
                raise AssertionError("it was cancelled before")

        async with db.connection():
            task = asyncio.ensure_future(one())
            await eventually_async(lambda: db.stats["requests_waiting"] == 1)
        # Granted on the line above; the task is told in the next round of the event loop.
        assert db.stats["requests_waiting"] == 0
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        assert idle(db)
        del raised

    run(body, max_size=1)


def test_a_storm_of_cancels_loses_nothing(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        rng = random.Random(1)
        answered = 0

        async def one(number: int) -> None:
            nonlocal answered
            if number % 3 == 0:
                async with db.connection() as conn:
                    cursor = await conn.execute("SELECT %s::int AS n", [number])
                    assert await cursor.fetchone() == {"n": number}
            else:
                assert await db.fetch_val("SELECT %s::int FROM pg_sleep(%s)", [number, rng.random() / 300]) == number
            answered += 1

        for _ in range(5):
            tasks = [asyncio.ensure_future(one(number)) for number in range(200)]
            for task in rng.sample(tasks, 150):
                for _ in range(rng.randrange(4)):
                    await NextRound()
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results), results
        assert answered >= 250
        await eventually_async(lambda: idle(db))
        values = await asyncio.gather(*(db.fetch_val("SELECT %s::int", [n]) for n in range(50)))
        assert values == list(range(50))

    run(body, max_size=4)


def test_deadlines(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        began = time.monotonic()
        with pytest.raises(pycopg.QueryTimeout, match="no answer"):
            await db.execute("SELECT pg_sleep(100)")
        assert time.monotonic() - began < 2
        await eventually_async(lambda: idle(db))
        async with db.connection():
            with pytest.raises(pycopg.PoolTimeout, match="1/1 leased") as raised:
                await db.execute("SELECT 1")
            assert isinstance(raised.value, psycopg_pool.PoolTimeout)
            assert "test_async.py:" in str(raised.value)
            with pytest.raises(pycopg.PoolTimeout):
                async with db.connection(timeout=0.01):
                    pass
        if sys.version_info >= (3, 11):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await db.execute("SELECT pg_sleep(100)")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(db.execute("SELECT pg_sleep(100)"), 0.05)
        await eventually_async(lambda: idle(db))
        assert await db.fetch_val("SELECT 1") == 1

    run(body, max_size=1, timeout=0.3)


@pytest.mark.parametrize(
    ("name", "told"), [("import", "import"), ("", "Task-"), ("ä" * 40, "ä" * 15 + "'"), ("\ud800", "thread")]
)
def test_who_finds_no_connection_is_told_which_task_has_it(run: Run, name: str, told: str) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async def hold(call: bool) -> None:
            if call:
                await db.execute("SELECT pg_sleep(100)")
            async with db.connection():
                await asyncio.Event().wait()

        for call in (False, True):
            await eventually_async(lambda: idle(db))
            holder = asyncio.create_task(hold(call), name=name or None)
            await eventually_async(lambda: not idle(db))
            with pytest.raises(pycopg.PoolTimeout) as raised:
                async with db.connection(timeout=0.05):
                    pass
            thread = f"in thread 'MainThread' (ident {threading.get_ident()})"
            place = thread if told == "thread" else f"in task '{told}"
            assert "test_async.py:" in str(raised.value)
            assert place in str(raised.value)
            holder.cancel()
            await asyncio.wait([holder])

    run(body, max_size=1)


def test_a_coroutine_that_is_never_awaited_costs_nothing(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            db.execute("SELECT 1")
            db.connection()
            gc.collect()
        assert db.stats["requests_waiting"] == 0
        assert idle(db)

    run(body)
