"""`execute_many` of plain INSERTs: joined or not, nobody can tell, with threads and with asyncio."""

from __future__ import annotations

import datetime
import decimal
import random
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import pycopg
from conftest import NextRound, Run
from pycopg import AsyncPooledDatabase, PooledDatabase

MakePool = Callable[..., PooledDatabase]

INSERT = "INSERT INTO many (n, t, f, j, d, u, x, b, a, w) VALUES (%s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s)"
STATEMENTS = "SELECT count(DISTINCT (xmin::text, cmin::text)) FROM many"
CONTENTS = "SELECT * FROM many ORDER BY ctid"
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def row(number: int) -> tuple[Any, ...]:
    if number % 13 == 5:
        return (number, *[None] * 9)
    return (
        number,
        f"text '{number}' \\ \"quoted\"" * (number % 3),
        number / 7.0,
        f'{{"n": {number}}}',
        decimal.Decimal(number) / 8,
        uuid.UUID(int=number),
        bytes([0, number % 256, 255]),
        number % 2 == 0,
        [number, None, 3],
        START + datetime.timedelta(hours=number),
    )


def rows(count: int, bad: int | None = None) -> Iterator[tuple[Any, ...]]:
    for number in range(count):
        yield row(0 if number == bad else number)


@pytest.fixture(autouse=True)
def table(users: PooledDatabase) -> None:
    users.execute(
        "CREATE TABLE many (id serial PRIMARY KEY, n int UNIQUE, t text, f float8, j jsonb, d numeric(12, 2), u uuid,"
        " x bytea, b bool, a int[], w timestamptz)"
    )


@pytest.fixture
def apart(make_pool: MakePool) -> PooledDatabase:
    return make_pool(min_size=1, max_size=1, join_rows=False)


def test_joined_rows_are_what_they_would_be(users: PooledDatabase, apart: PooledDatabase) -> None:
    for count in (1, 127, 128, 129, 1000):
        users.execute("TRUNCATE many RESTART IDENTITY")
        assert apart.execute_many(INSERT, rows(count)) == count
        assert apart.fetch_val(STATEMENTS) == count
        expected = apart.execute(CONTENTS)
        for _ in range(2):
            users.execute("TRUNCATE many RESTART IDENTITY")
            assert users.execute_many(INSERT, rows(count)) == count
            assert users.execute(CONTENTS) == expected
        # The first call may have asked the server, and sent its rows meanwhile.
        assert (users.fetch_val(STATEMENTS) < count) == (count >= 128)


@pytest.mark.parametrize("bad", [1, 127, 128, 700, 999])
def test_the_row_that_fails_is_named(users: PooledDatabase, apart: PooledDatabase, bad: int) -> None:
    assert users.execute_many(INSERT, rows(300)) == 300
    users.execute("TRUNCATE many")
    errors = []
    for db in (users, apart):
        with pytest.raises(pycopg.errors.UniqueViolation) as raised:
            db.execute_many(INSERT, rows(1000, bad))
        assert raised.value.row_index == bad
        errors.append(str(raised.value).replace("(id)=", ""))
        assert db.fetch_val("SELECT count(*) FROM many") == 0
        with db.transaction() as conn:
            assert conn.execute_many(INSERT, rows(500)) == 500
            with pytest.raises(pycopg.errors.UniqueViolation) as raised, conn.transaction():
                conn.execute_many(INSERT, (row(0 if n == bad else n + 1000) for n in range(1000)))
            assert raised.value.row_index == bad
            conn.execute("DELETE FROM many")
    assert errors[0] == errors[1]


def test_numbers_of_many_sizes_and_a_source_that_raises(users: PooledDatabase) -> None:
    chosen = random.Random(5)
    users.execute("CREATE TABLE sizes (n numeric)")
    numbers = [chosen.choice([1, 2**20, 2**40, 2**70, -5]) for _ in range(2000)]
    for _ in range(2):
        assert users.execute_many("INSERT INTO sizes VALUES (%s)", [[n] for n in numbers]) == 2000
    assert users.fetch_val("SELECT sum(n) FROM sizes") == 2 * sum(numbers)

    def source() -> Iterator[list[int]]:
        for number in range(1500):
            yield [number]
        raise LookupError

    with pytest.raises(LookupError):
        users.execute_many("INSERT INTO sizes VALUES (%s)", source())
    assert users.fetch_val("SELECT count(*) FROM sizes") == 4000


def test_with_asyncio_and_asynchronous_sources(run: Run, users: PooledDatabase) -> None:
    async def source(count: int, bad: int | None = None) -> AsyncIterator[tuple[Any, ...]]:
        for each in rows(count, bad):
            if each[0] % 100 == 0:
                await NextRound()
            yield each

    async def body(db: AsyncPooledDatabase) -> None:
        for make in (rows, source):
            for _ in range(2):
                await db.execute("TRUNCATE many")
                assert await db.execute_many(INSERT, make(3000)) == 3000
            assert await db.fetch_val(STATEMENTS) < 1000
            await db.execute("TRUNCATE many")
            for bad in (1, 200, 2900):
                with pytest.raises(pycopg.errors.UniqueViolation) as raised:
                    await db.execute_many(INSERT, make(3000, bad))
                assert raised.value.row_index == bad
                async with db.connection() as conn:
                    assert await conn.execute_many(INSERT, make(300)) == 300
                    with pytest.raises(pycopg.errors.UniqueViolation) as raised:
                        await conn.execute_many(INSERT, make(3000, bad))
                    assert raised.value.row_index == 0
                    await conn.rollback()
            assert await db.fetch_val("SELECT count(*) FROM many") == 0

    run(body)
