"""A block that is left while a transaction() block inside it never was: a generator that a `break` abandoned."""

from __future__ import annotations

import gc
import inspect
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any

import pytest

import pycopg
from conftest import NextRound, Run, eventually, eventually_async, idle
from pycopg import AsyncPooledDatabase, PooledDatabase


def names(conn: pycopg.Connection) -> Generator[str, None, None]:
    with conn.transaction():
        conn.execute("UPDATE users SET name = name || '!'")
        yield from (row["name"] for row in conn.execute("SELECT name FROM users ORDER BY id"))


async def async_names(conn: pycopg.AsyncConnection) -> AsyncGenerator[str, None]:
    async with conn.transaction():
        await conn.execute("UPDATE users SET name = name || '!'")
        async for row in await conn.execute("SELECT name FROM users ORDER BY id"):
            yield row["name"]


def entered_in(function: object) -> str:
    """Where its transaction() block is entered, as a message tells it."""
    return re.escape(f"{__file__}:{inspect.getsourcelines(function)[1] + 1}")  # type: ignore[arg-type]


def told(caplog: pytest.LogCaptureFixture) -> str:
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.name == "pycopg"
    return record.getMessage()


def unchanged(db: PooledDatabase) -> bool:
    eventually(lambda: db.stats["pool_available"] == db.stats["pool_size"])
    return bool(db.fetch_val("SELECT string_agg(name, ',' ORDER BY id) FROM users") == "Ada,Grace")


def test_an_abandoned_generator_is_rolled_back_and_told_once(
    users: PooledDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with users.connection() as conn:
        generator = names(conn)
        for name in generator:
            assert name == "Ada!"
            break
    assert re.search(
        rf"never left, and is rolled back with all that was executed since it was entered at {entered_in(names)}$",
        told(caplog),
    )
    del generator
    gc.collect()
    assert len(caplog.records) == 1, "the late end of the generator is not told"
    assert unchanged(users)


def test_what_the_code_around_it_executed_meanwhile_is_lost_with_the_warning(
    users: PooledDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with users.connection() as conn:
        generator = names(conn)
        next(generator)
        conn.execute("INSERT INTO users (name) VALUES ('Eve')")
    assert "with all that was executed since" in told(caplog)
    assert unchanged(users)


def test_a_block_around_it_that_can_not_be_committed_raises(
    users: PooledDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    generators: list[Generator[str, None, None]] = []

    def use(around: Any) -> None:
        with around() as conn:
            conn.execute("UPDATE users SET name = name || '?'")
            generators.append(names(conn))
            assert next(generators[-1]) == "Ada?!"

    for around in (users.connection, users.transaction):
        with pytest.raises(pycopg.ProgrammingError, match=f"was never left.*{entered_in(names)}"):
            use(around)
        generators[-1].close()
        assert not caplog.records
        assert unchanged(users)


def test_inside_a_transaction_an_abandoned_block_undoes_no_more_than_the_one_around_it(
    users: PooledDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    def use(conn: pycopg.Connection, generator: Iterator[str]) -> None:
        with conn.transaction():
            next(generator)

    with users.transaction() as conn:
        conn.execute("INSERT INTO users (name) VALUES ('Eve')")
        generator = names(conn)
        with pytest.raises(pycopg.ProgrammingError, match="was never left"):
            use(conn, generator)
        with conn.transaction():
            conn.execute("INSERT INTO users (name) VALUES ('Bob')")
            generator.close()  # another savepoint of the same name is open by now
    assert not caplog.records
    assert users.fetch_val("SELECT string_agg(name, ',' ORDER BY id) FROM users") == "Ada,Grace,Eve,Bob"


def test_an_abandoned_asynchronous_generator_is_rolled_back_and_told_once(
    run: Run, users: PooledDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        for _ in range(2):
            caplog.clear()
            async with db.connection() as conn:
                generator = async_names(conn)
                async for name in generator:
                    assert name == "Ada!"
                    break
            where = entered_in(async_names)
            assert re.search(
                rf"never left, and is rolled back with all that was executed since it was entered at {where}$",
                told(caplog),
            )
            await generator.aclose()
            assert len(caplog.records) == 1, "the late end of the generator is not told"
            await eventually_async(lambda: idle(db))
        assert unchanged(users)

    run(body, max_size=1)


def test_an_abandoned_asynchronous_generator_that_waits_for_its_turn_to_end_is_told_once(
    run: Run, users: PooledDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            async for _ in async_names(conn):
                break
            await conn.execute("SELECT 1")  # the event loop ends the generator meanwhile
        await eventually_async(lambda: idle(db))
        for _ in range(10):
            await NextRound()
        assert "was never left" in told(caplog)
        assert unchanged(users)

    run(body, max_size=1)


def test_an_asynchronous_block_around_it_that_can_not_be_committed_raises(
    run: Run, users: PooledDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    generators: list[AsyncGenerator[str, None]] = []

    async def use(around: Any) -> None:
        async with around() as conn:
            await conn.execute("UPDATE users SET name = name || '?'")
            generators.append(async_names(conn))
            assert await generators[-1].__anext__() == "Ada?!"

    async def body(db: AsyncPooledDatabase) -> None:
        for around in (db.connection, db.transaction):
            with pytest.raises(pycopg.ProgrammingError, match=f"was never left.*{entered_in(async_names)}"):
                await use(around)
            await generators[-1].aclose()
            assert not caplog.records
            await eventually_async(lambda: idle(db))
            assert unchanged(users)

    run(body, max_size=1)


def test_inside_an_asynchronous_transaction_an_abandoned_block_undoes_no_more_than_the_one_around_it(
    run: Run, users: PooledDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(conn: pycopg.AsyncConnection, generator: AsyncIterator[str]) -> None:
        async with conn.transaction():
            await generator.__anext__()

    async def body(db: AsyncPooledDatabase) -> None:
        async with db.transaction() as conn:
            await conn.execute("INSERT INTO users (name) VALUES ('Eve')")
            generator = async_names(conn)
            with pytest.raises(pycopg.ProgrammingError, match="was never left"):
                await use(conn, generator)
            async with conn.transaction():
                await conn.execute("INSERT INTO users (name) VALUES ('Bob')")
                await generator.aclose()  # another savepoint of the same name is open by now
        assert not caplog.records
        assert await db.fetch_val("SELECT string_agg(name, ',' ORDER BY id) FROM users") == "Ada,Grace,Eve,Bob"

    run(body, max_size=1)
