"""Results above `max_result_bytes`: refused in the middle of their rows, on both faces."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import pycopg
from conftest import Run
from pycopg import AsyncPooledDatabase, PooledDatabase

MakePool = Callable[..., PooledDatabase]

ENDLESS = "SELECT generate_series(1, 2000000000) AS i"
MANY = "SELECT generate_series(1, 300000) AS i"
REFUSAL = r"max_result_bytes = 1048576, which was reached after \d+ of them: read them in chunks, with stream"
MEBIBYTE = 1 << 20


def test_a_result_without_end_is_refused_and_everything_goes_on(make_pool: MakePool) -> None:
    db = make_pool(min_size=1, max_size=1, max_result_bytes=MEBIBYTE)
    for _ in range(3):
        for fetch in (db.execute, db.fetch_all, db.fetch_one, db.fetch_val):
            with pytest.raises(pycopg.DataError, match=REFUSAL):
                fetch(ENDLESS)
    with db.connection() as conn:
        conn.execute("CREATE TEMPORARY TABLE kept (i int)")
        for _ in range(3):
            with pytest.raises(pycopg.DataError, match=REFUSAL):
                conn.execute(MANY)
        conn.execute("INSERT INTO kept VALUES (%s)", [7])
        assert conn.fetch_val("SELECT i FROM kept") == 7
    with db.connection() as conn:
        conn.autocommit = True
        with pytest.raises(pycopg.DataError, match=REFUSAL):
            conn.cursor().execute(ENDLESS)
        assert conn.fetch_val("SELECT 2") == 2
    with db.stream(MANY) as rows:
        assert sum(1 for _ in rows) == 300_000


def test_on_asyncio_too(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        for _ in range(3):
            with pytest.raises(pycopg.DataError, match=REFUSAL):
                await db.execute(ENDLESS)
        async with db.connection() as conn:
            with pytest.raises(pycopg.DataError, match=REFUSAL):
                await conn.fetch_all(MANY)
            assert await conn.fetch_val("SELECT 2") == 2

    run(body, min_size=1, max_size=1, max_result_bytes=MEBIBYTE)


def test_callers_that_share_a_connection_do_not_share_the_refusal(make_pool: MakePool) -> None:
    db = make_pool(min_size=1, max_size=1, max_result_bytes=MEBIBYTE)

    def ask(number: int) -> int:
        if number % 10 == 0:
            with pytest.raises(pycopg.DataError, match=REFUSAL):
                db.execute("SELECT repeat('x', 1000) FROM generate_series(1, 3000)")
            return number
        rows = db.execute("SELECT i, %s::int AS n FROM generate_series(1, 20) AS i", [number])
        assert [row["i"] for row in rows] == list(range(1, 21))
        assert {row["n"] for row in rows} == {number}
        return number

    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(ask, range(400))) == list(range(400))
