"""Cursors with a name: what they fetch, how they end, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import pycopg
from conftest import Run
from pycopg import AsyncPooledDatabase, PooledDatabase, TransactionStatus
from pycopg.rows import scalar
from pycopg.sql import SQL, Identifier

MakePool = Callable[..., PooledDatabase]

SERIES = "SELECT i, i::text AS name FROM generate_series(1, %s) AS i"
OPEN = "SELECT count(*) FROM pg_cursors WHERE name = 'rows'"


def row_of(i: int) -> dict[str, object]:
    return {"i": i, "name": str(i)}


def test_rows_are_fetched_as_they_are_asked_for(db: PooledDatabase) -> None:
    with db.connection() as conn, conn.cursor("rows") as cur:
        assert cur.description is None
        assert cur.execute(SERIES, [10]) is cur
        assert cur.description is not None
        assert [column.name for column in cur.description] == ["i", "name"]
        assert (cur.rowcount, cur.rownumber) == (-1, 0)
        assert cur.fetchone() == row_of(1)
        assert cur.fetchmany() == [row_of(2)]
        cur.arraysize = 3
        assert cur.fetchmany() == [row_of(i) for i in (3, 4, 5)]
        assert cur.fetchmany(0) == []
        assert next(cur) == row_of(6)
        assert cur.fetchmany(2) == [row_of(7), row_of(8)]
        assert cur.rownumber == 8
        assert cur.fetchall() == [row_of(9), row_of(10)]
        assert cur.fetchall() == []
        assert cur.fetchone() is None
        assert list(cur) == []
        assert conn.fetch_val(OPEN) == 1
    assert db.fetch_val(OPEN) == 0


def test_an_iteration_fetches_itersize_rows_at_a_time(db: PooledDatabase) -> None:
    with db.connection() as conn, conn.cursor("rows", row_factory=scalar) as cur:
        cur.itersize = 7
        cur.execute(SERIES, [100])
        assert [value for value, _ in zip(cur, range(10))] == list(range(1, 11))
        assert cur.rownumber == 11  # zip has asked for one more
        assert list(cur) == list(range(12, 101))


def test_it_can_be_executed_again_with_other_columns(db: PooledDatabase) -> None:
    with db.connection() as conn, conn.cursor("rows", row_factory=tuple) as cur:
        for columns in (1, 2, 3, 1, 2, 3):  # under names: texts that were used before
            cur.execute(SQL("SELECT {} FROM generate_series(1, %s)").format(SQL(", ").join([1] * columns)), [2])
            assert cur.fetchmany(1) == [(1,) * columns]
            assert cur.fetchall() == [(1,) * columns]


def test_a_name_needs_no_quotes_and_serves_current_of(users: PooledDatabase) -> None:
    name = 'odd "name" ; --'
    with users.connection() as conn:
        with conn.cursor(name) as cur:
            cur.execute("SELECT name FROM users ORDER BY name FOR UPDATE")
            assert cur.fetchone() == {"name": "Ada"}
            conn.execute(SQL("UPDATE users SET name = 'Eve' WHERE CURRENT OF {}").format(Identifier(name)))
            assert cur.fetchone() == {"name": "Grace"}
        assert conn.fetch_val("SELECT count(*) FROM users WHERE name = 'Eve'") == 1


def test_scrolling(db: PooledDatabase) -> None:
    with db.connection() as conn, conn.cursor("rows", scrollable=True, row_factory=scalar) as cur:
        cur.execute(SERIES, [100])
        cur.scroll(9)
        assert cur.fetchone() == 10
        cur.itersize = 5
        assert next(cur) == 11
        cur.scroll(2)
        assert cur.fetchone() == 14
        cur.scroll(-4)
        assert cur.fetchone() == 11
        cur.scroll(0, "absolute")
        assert cur.fetchmany(2) == [1, 2]
        with pytest.raises(ValueError, match="mode = 'back'"):
            cur.scroll(1, "back")  # type: ignore[arg-type]
    with db.connection() as conn, conn.cursor("rows", scrollable=False) as cur:
        cur.execute(SERIES, [100])
        cur.fetchmany(5)
        with pytest.raises(pycopg.Error, match="cursor can only scan forward"):
            cur.scroll(-1)
        conn.rollback()


def test_it_ends_with_its_transaction_unless_it_is_withheld(db: PooledDatabase) -> None:
    with db.connection() as conn:
        plain, held = conn.cursor("plain"), conn.cursor("rows", withhold=True)
        plain.execute(SERIES, [3])
        held.execute(SERIES, [3])
        conn.commit()
        with pytest.raises(pycopg.Error, match='cursor "plain" does not exist'):
            plain.fetchone()
        conn.rollback()
        assert held.fetchone() == row_of(1)
        plain.close()  # it is gone already
        held.close()
        assert conn.fetch_val(OPEN) == 0
        held.close()
        with pytest.raises(pycopg.InterfaceError, match="this cursor is closed"):
            held.fetchone()
        with pytest.raises(pycopg.InterfaceError, match="this cursor is closed"):
            held.execute(SERIES, [1])


def test_leaving_by_an_error_shows_that_error(db: PooledDatabase) -> None:
    def read() -> None:
        with db.connection() as conn, conn.cursor("rows") as cur:
            cur.execute("SELECT 1 / (3 - i) FROM generate_series(1, 5) AS i")
            cur.fetchmany(2)
            cur.fetchone()

    with pytest.raises(pycopg.DataError, match="division by zero"):
        read()
    with db.connection() as conn:
        cur = conn.cursor("rows")
        cur.execute(SERIES, [3])
    cur.close()  # the lease is over
    assert db.stats["pool_available"] == 1


def test_a_lost_connection_is_the_error_and_closing_is_none(db: PooledDatabase) -> None:
    def read(conn: pycopg.Connection) -> None:
        with conn.cursor("rows") as cur:
            cur.execute(SERIES, [1000])
            db.execute("SELECT pg_terminate_backend(%s, 10000)", [conn.info.backend_pid])
            cur.fetchmany(5)

    conn = db.connection()
    conn.__enter__()
    with pytest.raises(pycopg.OperationalError, match="terminating connection"):
        read(conn)
    late = conn.cursor("rows")
    with pytest.raises(pycopg.Error):
        late.execute(SERIES, [1])
    late.close()
    conn.close()
    assert db.fetch_val("SELECT 1") == 1


def test_what_is_refused(db: PooledDatabase) -> None:
    with db.connection() as conn:
        for name, error in (("", ValueError), ("x" * 64, ValueError), (b"rows", TypeError)):
            with pytest.raises(error, match="the name of a cursor"):
                conn.cursor(name)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="give it a name"):
            conn.cursor(scrollable=True)  # type: ignore[call-overload]
        cur = conn.cursor("rows")
        with pytest.raises(pycopg.ProgrammingError, match="no statement was executed on this cursor"):
            cur.fetchone()
        with pytest.raises(pycopg.NotSupportedError, match="use one without a name"):
            cur.executemany("SELECT 1", [])
        conn.autocommit = True
        with pytest.raises(pycopg.Error, match="can only be used in transaction blocks"):
            cur.execute(SERIES, [1])
        assert conn.info.transaction_status is TransactionStatus.IDLE
        with conn.transaction():
            cur.execute(SERIES, [1])
            assert cur.fetchall() == [row_of(1)]
        assert repr(cur) == "<ServerCursor 'rows' (declared)>"


def test_on_asyncio_too(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn, conn.cursor("rows", scrollable=True) as cur:
            await cur.execute(SERIES, [10])
            assert await cur.fetchone() == row_of(1)
            assert await cur.fetchmany(2) == [row_of(2), row_of(3)]
            cur.itersize = 2
            seen: list[Any] = []
            async for row in cur:
                seen.append(row)
                if len(seen) == 3:
                    break
            assert seen == [row_of(4), row_of(5), row_of(6)]
            await cur.scroll(1)
            assert await cur.fetchall() == [row_of(8), row_of(9), row_of(10)]
            await cur.execute(SERIES, [1])
            assert [row async for row in cur] == [row_of(1)]
            with pytest.raises(pycopg.NotSupportedError):
                await cur.executemany("SELECT 1", [])
        assert await db.fetch_val(OPEN) == 0

    run(body)


@dataclass
class Numbered:
    i: int
    name: str


def test_rows_of_a_stream_are_what_row_says(db: PooledDatabase, run: Run) -> None:
    with db.stream(SERIES, [3], row=Numbered) as rows:
        assert list(rows) == [Numbered(i, str(i)) for i in (1, 2, 3)]
    with db.connection() as conn:
        assert list(conn.stream(SERIES, [3], row=scalar)) == [1, 2, 3]
        with pytest.raises(ValueError, match="row = "):
            conn.stream(SERIES, [3], row=list)

    async def body(db: AsyncPooledDatabase) -> None:
        async with db.stream(SERIES, [2], row=tuple) as rows:
            assert [row async for row in rows] == [(1, "1"), (2, "2")]

    run(body)
