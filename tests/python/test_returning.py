"""`execute_many(..., returning=)`: the rows of RETURNING, in the order of the rows of parameters."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
from collections.abc import AsyncIterator
from typing import Any

import pytest

import pycopg
from conftest import Run
from pycopg import AsyncPooledDatabase, PooledDatabase, errors
from pycopg.rows import scalar

INSERT = "INSERT INTO given (label) VALUES (%s) RETURNING id, label"


@dataclasses.dataclass
class Given:
    id: int
    label: str


@pytest.fixture(autouse=True)
def table(users: PooledDatabase) -> None:
    users.execute("CREATE TABLE given (id int GENERATED ALWAYS AS IDENTITY, label text UNIQUE)")


def labels(count: int) -> list[list[str]]:
    return [[f"label {n}"] for n in range(count)]


async def labels_async(count: int) -> AsyncIterator[list[str]]:
    for label in labels(count):
        yield label


@pytest.mark.parametrize("count", [1, 3, 20_000])
def test_rows_come_in_the_order_of_those_that_were_given(users: PooledDatabase, count: int) -> None:
    returned = users.execute_many(INSERT, iter(labels(count)), returning=True)
    assert returned == [{"id": n + 1, "label": f"label {n}"} for n in range(count)]
    assert users.fetch_val("SELECT count(*) FROM given") == count


def test_rows_become_what_the_call_says(users: PooledDatabase) -> None:
    assert users.execute_many(INSERT, [["a"], ["b"]], returning=Given) == [Given(1, "a"), Given(2, "b")]
    assert users.execute_many(INSERT, [["c"]], returning=tuple) == [(3, "c")]
    assert users.execute_many(INSERT, [["d"]], returning=scalar) == [4]
    assert users.execute_many(INSERT, [["e"]], returning=dict) == [{"id": 5, "label": "e"}]
    assert users.execute_many(INSERT, [["f"]]) == 1
    assert users.execute_many(INSERT, [["g"]], returning=False) == 1
    assert users.execute_many(INSERT, [], returning=True) == []
    assert users.execute_many(INSERT, []) == 0
    assert users.execute_many("UPDATE given SET label = label WHERE id = %s", [[1], [2]], returning=True) == []
    wrong: Any = 7
    with pytest.raises(ValueError, match="returning"):
        users.execute_many(INSERT, [["h"]], returning=wrong)


def test_a_type_that_follows_the_parameters_is_that_of_each_row(users: PooledDatabase) -> None:
    numbers = [1, 2**40, 2, 2**80]
    rows = [[number] for number in numbers]
    assert users.execute_many("SELECT %s AS n", rows, returning=scalar) == numbers


def test_an_error_names_its_row_and_undoes_all(users: PooledDatabase) -> None:
    with pytest.raises(errors.UniqueViolation) as raised:
        users.execute_many(INSERT, [["a"], ["b"], ["a"]], returning=True)
    assert raised.value.row_index == 2
    assert users.fetch_val("SELECT count(*) FROM given") == 0


def test_a_row_that_cannot_be_made_tells_what_was_executed(users: PooledDatabase) -> None:
    with pytest.raises(pycopg.ProgrammingError, match="label") as raised:
        users.execute_many(
            "INSERT INTO given (label) VALUES (%s) RETURNING id, label AS lable", [["a"]], returning=Given
        )
    assert raised.value.committed


def test_on_a_connection_it_is_part_of_the_transaction(users: PooledDatabase) -> None:
    with users.connection() as conn:
        conn.row_factory = tuple
        assert conn.execute_many(INSERT, [["a"], ["b"]], returning=True) == [(1, "a"), (2, "b")]
        conn.rollback()
        assert conn.execute_many(INSERT, [["a"]], returning=Given, timeout=10) == [Given(3, "a")]
        assert conn.execute_many(INSERT, [["b"]]) == 1
    assert users.fetch_val("SELECT count(*) FROM given") == 2


def test_a_pool_with_check_returns_them_as_well(server_url: str) -> None:
    with PooledDatabase.from_url(server_url, check=lambda conn: conn.execute("SELECT 1")) as db:
        assert db.execute_many(INSERT, [["a"]], returning=Given) == [Given(1, "a")]
        assert db.execute_many(INSERT, [], returning=Given) == []


def test_tasks_get_the_same(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        expected = [{"id": n + 1, "label": f"label {n}"} for n in range(1000)]
        assert await db.execute_many(INSERT, labels(1000), returning=True) == expected
        await db.execute("TRUNCATE given RESTART IDENTITY")
        assert await db.execute_many(INSERT, labels_async(1000), returning=True) == expected
        assert await db.execute_many(INSERT, [], returning=True) == []
        assert await db.execute_many(INSERT, labels_async(0), returning=True) == []
        assert await db.execute_many(INSERT, labels_async(0)) == 0
        with pytest.raises(errors.UniqueViolation) as raised:
            await db.execute_many(INSERT, labels_async(2000), returning=Given)
        assert raised.value.row_index == 0
        await db.execute("TRUNCATE given RESTART IDENTITY")
        async with db.connection() as conn:
            assert await conn.execute_many(INSERT, [["a"]], returning=Given) == [Given(1, "a")]
            assert await conn.execute_many(INSERT, labels_async(1), returning=Given) == [Given(2, "label 0")]
            assert await conn.execute_many(INSERT, [["b"]]) == 1
        assert await db.fetch_val("SELECT count(*) FROM given") == 3

    run(body)


def test_a_pool_of_tasks_with_check_returns_them_as_well(server_url: str) -> None:
    async def accept(conn: pycopg.AsyncConnection) -> None:
        await conn.execute("SELECT 1")

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, check=accept) as db:
            assert await db.execute_many(INSERT, [["a"]], returning=Given) == [Given(1, "a")]

    asyncio.run(main())


class Mood(enum.Enum):
    sad = 1
    ok = 2


def test_types_of_the_program_are_looked_up_and_read(run: Run, users: PooledDatabase) -> None:
    users.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE moods (mood mood)")
    add = "INSERT INTO moods VALUES (%s::text::mood) RETURNING mood"
    users.types.register("mood", Mood)
    assert users.execute_many(add, [["ok"], ["sad"]], returning=scalar) == [Mood.ok, Mood.sad]
    with users.connection() as conn:
        assert conn.execute_many(add, [["ok"]], returning=True) == [{"mood": Mood.ok}]

    async def body(db: AsyncPooledDatabase) -> None:
        db.types.register("mood", Mood)
        assert await db.execute_many(add, [["ok"], ["sad"]], returning=scalar) == [Mood.ok, Mood.sad]
        async with db.connection() as conn:
            assert await conn.execute_many(add, [["ok"]], returning=tuple) == [(Mood.ok,)]

    run(body)
