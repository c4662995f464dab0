"""What an error says of the query as it was given, and what to write instead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pycopg
from conftest import Run
from pycopg import AsyncPooledDatabase, Jsonb, PooledDatabase

MakePool = Callable[..., PooledDatabase]

SAY_TYPE = [
    (
        "SELECT jsonb_build_object('a', %s)",
        ["x"],
        "could not determine data type of parameter $1",
        "Say the type of %s, as in %s::text.",
    ),
    (
        "SELECT %s::text,\n  'ä%%', concat(%s, 'b')",
        ["x", "y"],
        "could not determine data type of parameter $2",
        "Say the type of the 2nd %s (line 2, character 17), as in %s::text.",
    ),
    (
        "SELECT concat(%(word)s, 'b')",
        {"word": "y"},
        "could not determine data type of parameter $1",
        "Say the type of %(word)s, as in %(word)s::text.",
    ),
    ("SELECT %s + %s", ["1", "2"], "operator is not unique: unknown + unknown", "Say the type of the 1st %s (line 1, "),
    ("SELECT 1 WHERE %s = 'a'::text", [3], "operator does not exist: ", "Say the type of %s, as in %s::text."),
    (
        "SELECT %(a)s UNION SELECT length(%(a)s)",
        {"a": "1"},
        "inconsistent types deduced for parameter $1",
        "Say the type of %(a)s, as in %(a)s::text.",
    ),
]
INSTEAD = [
    ("SET work_mem = %s", ["8MB"], 'syntax error at or near "$1"', "SELECT set_config('work_mem', %s, false)."),
    ("SET LOCAL work_mem = %s", ["8MB"], 'syntax error at or near "$1"', "SELECT set_config('work_mem', %s, true)."),
    ("NOTIFY jobs, %s", ["new"], 'syntax error at or near "$1"', "SELECT pg_notify(channel, payload), with %s for"),
    ("LISTEN %s", ["jobs"], 'syntax error at or near "$1"', "write the name of the channel into the text."),
    ("SELECT 1 WHERE 1 IN %s", [[1, 2]], 'syntax error at or near "$1"', "write = ANY(%s), and give a list."),
    ("SELECT 1 WHERE 1 IN %s", [(1, 2)], "a parameter of type tuple can't be sent", "write = ANY(%s) where IN %s was"),
    ("SELECT $1::int", [1], "the query has 0 placeholders but 1 parameters were passed", "are %s and %(name)s, not $1"),
    ("SELECT $1::int", None, "the text has placeholders up to $1, but 0", "Placeholders are %s and %(name)s, not $1"),
    ("SELECT $1::int", {"a": 1}, "the text has placeholders up to $1, but 0", "Placeholders are %s and %(name)s"),
    ("SELECT %s", None, 'syntax error at or near "%"', "A query without parameters is sent as it is: give them"),
    ("COPY pg_class TO STDOUT", None, "does not go through execute", "Use copy_in or copy_out of a pool"),
    ("SELECT * FROM %s", ["t"], 'syntax error at or near "$1"', "never for a name or a keyword."),
]


@pytest.mark.parametrize(("query", "params", "message", "advice"), SAY_TYPE + INSTEAD)
def test_the_text_says_what_to_write(query: str, params: Any, message: str, advice: str, db: PooledDatabase) -> None:
    errors = []
    with pytest.raises(pycopg.ProgrammingError) as raised:
        db.execute(query, params)
    errors.append(raised.value)
    with pytest.raises(pycopg.ProgrammingError) as raised, db.connection() as conn:
        conn.execute(query, params)
    errors.append(raised.value)
    for error in errors:
        assert message in str(error).splitlines()[0]
        assert advice in str(error)
        assert error.query in (query, None)


def test_asyncio_says_the_same(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        for query, params, message, advice in SAY_TYPE + INSTEAD:
            with pytest.raises(pycopg.ProgrammingError) as raised:
                await db.execute(query, params)
            assert message in str(raised.value).splitlines()[0]
            assert advice in str(raised.value)
            with pytest.raises(pycopg.ProgrammingError) as raised:
                async with db.connection() as conn:
                    await conn.execute(query, params)
            assert advice in str(raised.value)

    run(body)


@pytest.fixture
def documents(db: PooledDatabase) -> Iterator[PooledDatabase]:
    db.execute("CREATE EXTENSION hstore")  # in the schema of the test
    db.execute("CREATE TABLE documents (data jsonb, attributes hstore)")
    yield db
    db.execute("DROP TABLE documents")


def test_what_is_sent_as_something_else_is_told(documents: PooledDatabase) -> None:
    wrap = "A list is sent as an array: for json and jsonb wrap it, as in Jsonb([...])."
    insert = "INSERT INTO documents (data) VALUES (%s)"
    for value in ([1, 2], [{"a": 1}], ["a"]):
        with pytest.raises(pycopg.DatabaseError) as raised:
            documents.execute(insert, [value])
        assert str(raised.value).endswith("HINT: " + wrap) or f"HINT: {wrap}\n" in str(raised.value), str(raised.value)
        documents.execute(insert, [Jsonb(value)])
    with pytest.raises(pycopg.DatabaseError) as raised:
        documents.execute("INSERT INTO documents (attributes) VALUES (%(attributes)s)", {"attributes": {"a": "1"}})
    assert "use Jsonb(...) and a jsonb column" in str(raised.value)
    assert "; for hstore write hstore(%s::text[], %s::text[])" in str(raised.value)
    attributes = {"a": "1", "b": "2"}
    documents.execute(
        "INSERT INTO documents (attributes) VALUES (hstore(%s::text[], %s::text[]))",
        [list(attributes), list(attributes.values())],
    )
    with pytest.raises(pycopg.DatabaseError) as raised:
        documents.execute(insert, ["{1"])
    assert "Jsonb" not in str(raised.value), "it was a str"


@pytest.mark.parametrize(
    ("query", "params", "position"),
    [
        ("SELECT nothing, %s", [1], 8),
        ("SELECT %s, nothing", [1], 12),
        ("SELECT %(a)s, '%%', %(b)s, nothing, %(a)s", {"a": 1, "b": 2}, 28),
        ("SELECT 'äöü%%', %s, nothing", [1], 21),
    ],
)
def test_the_position_is_that_in_the_query(query: str, params: Any, position: int, db: PooledDatabase) -> None:
    with pytest.raises(pycopg.errors.UndefinedColumn) as raised:
        db.execute(query, params)
    assert raised.value.query == query
    assert raised.value.diag.statement_position == position == query.index("nothing") + 1
    line, caret = str(raised.value).splitlines()[1:3]
    assert line == "LINE 1: " + query
    assert line[caret.index("^") :].startswith("nothing")


def test_rows_of_many_are_told_in_the_query_as_it_was_given(db: PooledDatabase, run: Run) -> None:
    query = "SELECT %s::int / 0, nothing"
    with pytest.raises(pycopg.errors.UndefinedColumn) as raised:
        db.execute_many(query, [(1,)])
    assert raised.value.query == query
    assert raised.value.diag.statement_position == query.index("nothing") + 1

    async def body(adb: AsyncPooledDatabase) -> None:
        with pytest.raises(pycopg.errors.UndefinedColumn) as raised:
            await adb.execute_many(query, [(1,)])
        assert raised.value.query == query
        assert raised.value.diag.statement_position == query.index("nothing") + 1

    run(body)


def test_a_block_left_after_a_statement_that_was_given_up_does_not_say_to_give_it_back(
    make_pool: MakePool, run: Run
) -> None:
    words = "the transaction was not committed: a statement in it was given up half-way"
    db = make_pool(max_size=1, timeout=0.3)
    db.wait()
    with pytest.raises(pycopg.errors.InFailedSqlTransaction, match=words), db.connection() as conn:  # noqa: PT012
        with pytest.raises(pycopg.QueryTimeout):
            conn.execute("SELECT pg_sleep(30)")
        with pytest.raises(pycopg.InterfaceError, match="given up half-way: give it back, and take another"):
            conn.execute("SELECT 1")
    each_its_own = make_pool(max_size=1, timeout=0.3, autocommit=True)
    each_its_own.wait()
    with each_its_own.connection() as conn, pytest.raises(pycopg.QueryTimeout):
        conn.execute("SELECT pg_sleep(30)")

    async def body(adb: AsyncPooledDatabase) -> None:
        with pytest.raises(pycopg.errors.InFailedSqlTransaction, match=words):  # noqa: PT012
            async with adb.connection() as conn:
                with pytest.raises(pycopg.QueryTimeout):
                    await conn.execute("SELECT pg_sleep(30)")
        async with adb.connection() as conn:
            await conn.set_autocommit(True)
            with pytest.raises(pycopg.QueryTimeout):
                await conn.execute("SELECT pg_sleep(30)")
            with pytest.raises(pycopg.InterfaceError, match="given up half-way: give it back, and take another"):
                await conn.execute("SELECT 1")

    run(body, max_size=2, timeout=0.3)


@pytest.mark.parametrize("checked", [False, True])
def test_listen_is_warned_of_once(
    make_pool: MakePool, run: Run, caplog: pytest.LogCaptureFixture, checked: bool
) -> None:
    async def check(conn: pycopg.AsyncConnection) -> None:
        pass

    caplog.set_level(logging.WARNING, "pycopg")
    check_of_threads = (lambda conn: None) if checked else None
    for way in ("lease", "execute", "fetch_one", "fetch_val"):
        db = make_pool(name="hears", max_size=2, check=check_of_threads)
        for _ in range(3):
            if way == "lease":
                with db.connection() as conn:
                    conn.execute("LISTEN jobs")
            else:
                getattr(db, way)("LISTEN jobs")
        assert [record.getMessage() for record in caplog.records] == [
            f"{db!r}: LISTEN on a connection of the pool hears nothing, notifications are dropped: use db.listen()"
        ]
        caplog.clear()

        async def body(adb: AsyncPooledDatabase, way: str = way) -> None:
            for _ in range(3):
                if way == "lease":
                    async with adb.connection() as conn:
                        await conn.execute("LISTEN jobs")
                else:
                    await getattr(adb, way)("LISTEN jobs")

        run(body, name="hears", check=check if checked else None)
        assert ["'hears'" in record.getMessage() for record in caplog.records] == [True]
        caplog.clear()
