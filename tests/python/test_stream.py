"""Streams of rows: what they give, what they leave, and what breaks them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import pytest

import pycopg
from conftest import Run, eventually_async
from pycopg import AsyncPooledDatabase, PooledDatabase, TransactionStatus

MakePool = Callable[..., PooledDatabase]

SERIES = "SELECT i, i::text AS name FROM generate_series(1, %s) AS i"
# The rows of a function in FROM would be gathered by the server first.
ENDLESS = "SELECT generate_series(1, 2000000000) AS i"
LATE = "SELECT 1 / (5000 - i) AS x FROM generate_series(1, 10000) AS i"
PORTALS = "SELECT count(*) FROM pg_cursors WHERE name <> ''"


def rows_of(count: int) -> list[dict[str, object]]:
    return [{"i": i, "name": str(i)} for i in range(1, count + 1)]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 2500])
def test_all_rows_come_in_order(make_pool: MakePool, count: int) -> None:
    db = make_pool(min_size=1, max_size=1)
    with db.stream(SERIES, [count], size=10) as rows:
        assert list(rows) == rows_of(count)
        assert list(rows) == []
    with db.connection() as conn:
        assert list(conn.stream(SERIES, [count], size=10)) == rows_of(count)
        assert conn.info.transaction_status is TransactionStatus.INTRANS
        assert conn.fetch_val(PORTALS) == 0
        conn.rollback()
        conn.autocommit = True
        assert list(conn.stream(SERIES, (count,))) == rows_of(count)
        assert conn.info.transaction_status is TransactionStatus.IDLE


def test_rows_are_what_the_connection_makes_of_them(make_pool: MakePool) -> None:
    db = make_pool(row_factory=tuple)
    with db.stream("VALUES (1, NULL), (2, '')") as rows:
        assert list(rows) == [(1, None), (2, "")]
    with db.connection() as conn:
        conn.row_factory = dict
        assert next(conn.stream("SELECT %(a)s::int AS a", {"a": 1})) == {"a": 1}


def test_a_value_that_can_not_be_read_is_the_error_of_its_row(make_pool: MakePool) -> None:
    db = make_pool()
    far = "SELECT '2020-01-01'::date + i * 1000000 AS day FROM generate_series(0, 3) AS i"
    with db.stream(far) as rows:
        assert [next(rows)["day"].year for _ in range(3)] == [2020, 4757, 7495]
        with pytest.raises(pycopg.DataError, match="day"):
            next(rows)
        assert list(rows) == []
    assert db.fetch_val("SELECT 1") == 1


def test_a_stream_that_is_left_half_way_costs_no_connection(make_pool: MakePool) -> None:
    db = make_pool(min_size=1, max_size=1)
    pid = db.fetch_val("SELECT pg_backend_pid()")
    for autocommit in (True, False):
        with db.connection() as conn:
            conn.autocommit = autocommit
            for row in conn.stream(ENDLESS):
                if row["i"] == 1500:
                    break
            assert conn.fetch_val("SELECT pg_backend_pid()") == pid
            assert conn.fetch_val(PORTALS) == 0
            with conn.stream(ENDLESS) as rows:
                assert next(rows)["i"] == 1
            with pytest.raises(pycopg.InterfaceError, match="closed"):
                next(rows)
            assert conn.fetch_val("SELECT pg_backend_pid()") == pid
    with db.stream(ENDLESS) as rows:
        assert next(rows)["i"] == 1
    with pytest.raises(TypeError), db.stream(ENDLESS) as rows:
        list(map(len, (row["i"] for row in rows)))
    assert db.fetch_val("SELECT pg_backend_pid()") == pid


def test_a_stream_that_is_collected_ends_in_front_of_the_next_statement(make_pool: MakePool) -> None:
    db = make_pool(min_size=1, max_size=1)
    with db.connection() as conn:
        conn.autocommit = True
        rows = conn.stream(ENDLESS)
        next(rows)
        with pytest.raises(pycopg.InterfaceError, match="a stream of rows is open"):
            conn.execute("SELECT 1")
        with pytest.raises(pycopg.InterfaceError, match="a stream of rows is open"):
            next(conn.stream(SERIES, [1]))
        assert next(rows)["i"] == 2
        circle = [rows]
        circle.append(circle)  # type: ignore[arg-type]
        del rows, circle
        gc.collect()
        assert conn.fetch_val("SELECT 1") == 1


def test_other_statements_go_between_the_rows_of_a_transaction(make_pool: MakePool) -> None:
    db = make_pool(min_size=1, max_size=1)
    with db.transaction() as conn:
        conn.execute("CREATE TEMP TABLE seen (i int)")
        other = conn.stream(SERIES, [5], size=2)
        for row in conn.stream(SERIES, [5], size=2):
            conn.execute("INSERT INTO seen VALUES (%s)", [row["i"]])
            assert next(other) == row
        assert conn.fetch_val("SELECT sum(i) FROM seen") == 15


@pytest.mark.parametrize("autocommit", [True, False])
def test_errors_end_the_stream(make_pool: MakePool, autocommit: bool) -> None:
    db = make_pool(min_size=1, max_size=1)
    with db.connection() as conn:
        conn.autocommit = autocommit
        seen: list[object] = []
        with pytest.raises(pycopg.DataError, match="division by zero"):
            seen.extend(conn.stream(LATE))
        assert len(seen) == 4000
        conn.rollback()
        with pytest.raises(pycopg.ProgrammingError, match="nothing"):
            next(conn.stream("SELECT nothing"))
        conn.rollback()
        for wrong in ("SELECT 1; SELECT 2", "COPY pg_class TO STDOUT"):
            with pytest.raises(pycopg.ProgrammingError, match="stream"):
                next(conn.stream(wrong))
        with pytest.raises(ValueError, match="size"):
            conn.stream("SELECT 1", size=0)
        assert conn.fetch_val("SELECT 1") == 1


def test_timeouts_and_lost_servers(make_pool: MakePool) -> None:
    db = make_pool(min_size=1, max_size=2)
    with pytest.raises(pycopg.QueryTimeout), db.stream("SELECT 1 FROM pg_sleep(20)", timeout=0.05) as rows:
        next(rows)
    for autocommit in (True, False):
        conn = db.connection()
        conn.autocommit = autocommit
        conn.__enter__()
        rows = conn.stream(ENDLESS)
        next(rows)
        db.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
        with pytest.raises(pycopg.OperationalError):
            list(rows)
        conn._give_back()
    with db.stream(ENDLESS) as rows:
        next(rows)
        db.close(0)
        with pytest.raises(pycopg.PoolClosed):
            list(rows)


def test_tasks_stream_as_threads_do(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        pid = await db.fetch_val("SELECT pg_backend_pid()")
        for count in (0, 1, 9, 10, 11, 2500):
            async with db.stream(SERIES, [count], size=10) as rows:
                assert [row async for row in rows] == rows_of(count)
                assert [row async for row in rows] == []
            async with db.connection() as conn:
                assert [row async for row in conn.stream(SERIES, [count], size=10)] == rows_of(count)
                assert await conn.fetch_val(PORTALS) == 0
        for autocommit in (True, False):
            async with db.connection() as conn:
                await conn.set_autocommit(autocommit)
                async for row in conn.stream(ENDLESS):
                    if row["i"] == 1500:
                        break
                assert await conn.fetch_val(PORTALS) == 0
                rows = conn.stream(ENDLESS)
                assert (await rows.__anext__())["i"] == 1
                if autocommit:
                    with pytest.raises(pycopg.InterfaceError, match="a stream of rows is open"):
                        await conn.execute("SELECT 1")
                await rows.close()
                with pytest.raises(pycopg.InterfaceError, match="closed"):
                    await rows.__anext__()
                with pytest.raises(pycopg.DataError, match="division by zero"):
                    async for _ in conn.stream(LATE):
                        pass
                await conn.rollback()
                assert await conn.fetch_val("SELECT 1") == 1
        async with db.stream(ENDLESS) as rows:
            await rows.__anext__()
        assert await db.fetch_val("SELECT pg_backend_pid()") == pid

    run(body, min_size=1, max_size=1)


def test_a_task_that_is_cancelled_in_a_stream_leaves_the_pool_whole(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async def read() -> None:
            async with db.stream("SELECT 1 FROM pg_sleep(20)") as rows:
                async for _ in rows:
                    pass

        task = asyncio.create_task(read())
        await eventually_async(lambda: db.stats["pool_available"] == 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await db.fetch_val("SELECT 1") == 1

    run(body, min_size=1, max_size=1)


def test_a_stream_of_a_loop_that_is_gone_is_collected(server_url: str) -> None:
    kept: list[pycopg.AsyncRowStream] = []

    async def leave(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            await conn.set_autocommit(True)
            kept.append(conn.stream(ENDLESS))
            await kept[0].__anext__()

    async def main() -> None:
        async with AsyncPooledDatabase(pycopg.Config.from_url(server_url), 1, 1) as db:
            await leave(db)
            assert await db.fetch_val("SELECT 1") == 1

    asyncio.run(main())
    kept.clear()
    gc.collect()
