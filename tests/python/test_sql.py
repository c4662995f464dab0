"""SQL put together of parts: quoted as PostgreSQL reads it, and taken by every verb of both pools."""

from __future__ import annotations

import datetime
import decimal
import sys
from collections.abc import Callable
from typing import Any

import psycopg.sql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pycopg
from conftest import Run
from pycopg import AsyncPooledDatabase, PooledDatabase
from pycopg.sql import NULL, SQL, Composed, Identifier, Literal, Placeholder, as_string

# A name that does whatever it can to get out of its quotes, and one with what Python's placeholders are made of.
NASTY = 'a"b; DROP TABLE "x'
PERCENT = "50%s %(a)s %%"

name = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=15)


@pytest.fixture
def table(db: PooledDatabase) -> str:
    db.execute(SQL("CREATE TABLE {} (id int, {} text, {} int)").format(*map(Identifier, (NASTY, PERCENT, "Case"))))
    db.execute(SQL("INSERT INTO {} VALUES (1, 'one', 10), (2, 'two', 20)").format(Identifier(NASTY)))
    return NASTY


def test_texts_are_those_of_psycopg() -> None:
    texts = []
    modules: list[Any] = [pycopg.sql, psycopg.sql]
    for sql in modules:
        made = sql.SQL("SELECT {} FROM {t} WHERE {} = {}").format(
            sql.Identifier("a"),
            sql.SQL(", ").join([sql.Identifier("s", "t"), sql.Placeholder(), sql.Placeholder("n")]),
            sql.SQL("x") + sql.SQL("y") + (sql.Identifier("z") + sql.SQL("!")),
            t=sql.Composed([sql.SQL("{}")]).join(" "),
        )
        texts.append(made.as_string(None))
    assert texts[0] == texts[1]
    assert (SQL(", ").join(Placeholder() * 3)).as_string() == "%s, %s, %s"
    assert SQL("{1} {0} {{}}").format(SQL("a"), SQL("b")).as_string() == "b a {}"
    assert NULL.as_string() == "NULL"
    assert as_string(Identifier("a")) == '"a"'
    assert as_string("it's") == "'it''s'"


def test_parts_are_compared_and_shown() -> None:
    assert Identifier("a", "b") == Identifier("a", "b") != Identifier("a.b")
    assert SQL("a") != Literal("a")
    assert SQL("a") + SQL("b") == Composed([SQL("a"), SQL("b")])
    assert repr(SQL("{}").format(Identifier("s", "t"))) == "Composed([Identifier('s', 't')])"
    assert repr(Placeholder()) == "Placeholder()"
    assert repr(Placeholder("n")) == "Placeholder('n')"


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: SQL(7), TypeError),  # type: ignore[arg-type]
        (lambda: SQL("a") + "b", TypeError),
        (lambda: Identifier(), TypeError),
        (lambda: Identifier("a", 7), TypeError),  # type: ignore[arg-type]
        (lambda: Placeholder("a)"), ValueError),
        (lambda: Placeholder(format="x"), ValueError),
        (lambda: SQL("{0} {}").format(1, 2), ValueError),
        (lambda: SQL("{} {0}").format(1, 2), ValueError),
        (lambda: SQL("{:>5}").format(1), ValueError),
        (lambda: SQL("{!r}").format(1), ValueError),
        (lambda: SQL("{} {}").format(1), IndexError),
        (lambda: SQL("{a}").format(1), KeyError),
        (lambda: Literal(object()).as_string(), pycopg.ProgrammingError),
        (lambda: Literal("a\0b").as_string(), pycopg.DataError),
    ],
)
def test_a_mistake_is_told_where_it_is_made(make: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


@pytest.mark.parametrize("wrong", ["", "a\0b", "\0"])
def test_an_identifier_that_postgresql_can_not_have_is_refused(wrong: str) -> None:
    with pytest.raises(pycopg.DataError, match="can't be an identifier: it (is empty|has a NUL character)"):
        Identifier("fine", wrong)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=name, second=name)
def test_an_identifier_is_read_back_as_it_was(db: PooledDatabase, first: str, second: str) -> None:
    query = SQL("SELECT 1 AS {}, %s::text AS {}").format(Identifier(first), Identifier(second))
    short = [it.encode()[:63].decode(errors="ignore") for it in (first, second)]  # the server cuts longer ones
    with db.connection() as connection:
        described = connection.execute(query, ["x"]).description
        assert described is not None
        assert [it.name for it in described] == short


VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**40,
    -(10**25),
    1.5,
    -3.0,
    float("inf"),
    decimal.Decimal("1.50"),
    "it's",
    "back\\slash",
    "\\'; DROP",
    "%s",
    b"\x00\\'",
    datetime.date(2024, 1, 31),
    datetime.timedelta(days=-1, seconds=2),
    [1, None, -2],
    ["a'b", 'c"d\\'],
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("conforming", ["on", "off"])
def test_a_literal_is_read_as_the_value(make_pool: Callable[..., PooledDatabase], value: Any, conforming: str) -> None:
    with make_pool().connection() as connection:
        connection.execute(f"SET standard_conforming_strings = {conforming}")
        cast = "::text[]" if isinstance(value, list) and "a'b" in value else ""  # strings have no type, here either
        assert connection.fetch_val(SQL("SELECT {}" + cast).format(value)) == value
        beside = SQL("SELECT {}" + cast + " AS a, %s AS b").format(value)
        assert connection.fetch_one(beside, ["%"]) == {"a": value, "b": "%"}
        minus = connection.fetch_val(SQL("SELECT 5 -{}").format(-1))  # and no comment
        assert minus == 6


def test_every_verb_of_threads_takes_parts(db: PooledDatabase, table: str) -> None:
    one = SQL("SELECT {} FROM {} WHERE id = %s").format(Identifier(PERCENT), Identifier(table))
    named = SQL("SELECT {} FROM {} WHERE id = {}").format(Identifier(PERCENT), Identifier(table), Placeholder("i"))
    plain = SQL("SELECT {} FROM {} ORDER BY id").format(Identifier(PERCENT), Identifier(table))
    insert = SQL("INSERT INTO {} ({}, id) VALUES (%s, %s)").format(Identifier(table), Identifier(PERCENT))
    assert db.execute(one, [1]) == db.fetch_all(one, [1]) == [{PERCENT: "one"}]
    assert db.execute(plain) == [{PERCENT: "one"}, {PERCENT: "two"}]
    assert db.fetch_one(named, {"i": 2}) == {PERCENT: "two"}
    assert db.fetch_val(one, [2]) == "two"
    assert db.execute_many(insert, [("three", 3), ("four", 4)]) == 2
    with db.connection() as connection:
        assert connection.execute(one, [3]).fetchall() == [{PERCENT: "three"}]
        assert connection.fetch_all(plain)[0] == {PERCENT: "one"}
        assert connection.fetch_one(one, [4]) == {PERCENT: "four"}
        assert connection.fetch_val(one, [4]) == "four"
        assert connection.execute_many(insert, [("five", 5)]) == 1
        with connection.cursor() as cursor:
            cursor.executemany(insert, [("six", 6), ("seven", 7)])
            assert cursor.rowcount == 2
            assert cursor.execute(one, [7]).fetchone() == {PERCENT: "seven"}


def test_every_verb_of_asyncio_takes_parts(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        await db.execute(SQL("CREATE TABLE {} (id int, {} text)").format(Identifier(NASTY), Identifier(PERCENT)))
        insert = SQL("INSERT INTO {} ({}, id) VALUES (%s, %s)").format(Identifier(NASTY), Identifier(PERCENT))
        one = SQL("SELECT {} FROM {} WHERE id = %s").format(Identifier(PERCENT), Identifier(NASTY))
        assert await db.execute_many(insert, [("one", 1), ("two", 2)]) == 2

        async def rows() -> Any:
            yield ("three", 3)

        assert await db.execute_many(insert, rows()) == 1
        assert await db.execute(one, [1]) == await db.fetch_all(one, [1]) == [{PERCENT: "one"}]
        assert await db.fetch_one(one, [2]) == {PERCENT: "two"}
        assert await db.fetch_val(one, [3]) == "three"
        async with db.connection() as connection:
            assert await connection.fetch_val(one, [3]) == "three"
            assert await (await connection.execute(one, [3])).fetchone() == {PERCENT: "three"}
            assert await connection.execute_many(insert, [("four", 4)]) == 1
            cursor = connection.cursor()
            await cursor.executemany(insert, [("five", 5)])
            assert await (await cursor.execute(one, [5])).fetchone() == {PERCENT: "five"}

    run(body)


def test_an_error_shows_the_text_and_the_place_in_it(db: PooledDatabase, table: str) -> None:
    query = SQL("SELECT {} FROM {} WHERE nothing = %s").format(Identifier(PERCENT), Identifier(table))
    for call in (db.execute, db.fetch_one):
        with pytest.raises(pycopg.errors.UndefinedColumn) as caught:
            call(query, [1])
        assert "WHERE nothing = %s" in str(caught.value)
    with pytest.raises(pycopg.errors.UndefinedColumn, match="nothing"):
        db.execute_many(SQL("UPDATE {} SET id = %s WHERE nothing = 1").format(Identifier(table)), [[1]])


@pytest.mark.parametrize("wrong", [7, None, b"SELECT 1", ["SELECT 1"]])
def test_what_is_no_sql_is_refused_by_name(db: PooledDatabase, wrong: Any) -> None:
    for call in (db.execute, db.fetch_val, lambda sql: db.execute_many(sql, [[1]])):
        with pytest.raises(TypeError, match=f"^the query must be a str, not {type(wrong).__name__}$"):
            call(wrong)


# Template strings. Before Python 3.14 there are none, so that this class has their shape, as PEP 750 has it; from 3.14
# on the tests use Python's own. What is proved either way is what pycopg makes of the parts, not Python's syntax.

if sys.version_info >= (3, 14):
    from string.templatelib import Interpolation, Template

else:

    class Interpolation:
        def __init__(
            self, value: object, expression: str, conversion: str | None = None, format_spec: str = ""
        ) -> None:
            self.value = value
            self.expression = expression
            self.conversion = conversion
            self.format_spec = format_spec

    class Template(pycopg.sql.Template):
        def __init__(self, *parts: Any) -> None:
            self.parts = parts

        def __iter__(self) -> Any:
            return iter(part for part in self.parts if part != "")


def value(given: object, spec: str = "", conversion: Any = None) -> Any:
    return Interpolation(given, "it", conversion, spec)


def test_values_of_a_template_string_are_parameters(db: PooledDatabase) -> None:
    nasty = "'; DROP TABLE x --"
    query: Any = Template(
        "SELECT ", value(nasty), "::text || '%s' AS ", value(NASTY, "i"), ", ", value(7, "s"), "::int AS n"
    )  # fmt: skip
    assert db.execute(query) == [{NASTY: nasty + "%s", "n": 7}]
    assert db.fetch_one(query) == {NASTY: nasty + "%s", "n": 7}
    assert db.fetch_val(query) == nasty + "%s"
    with db.connection() as connection:
        assert connection.fetch_val(query) == nasty + "%s"
        assert connection.execute(query).fetchone() == {NASTY: nasty + "%s", "n": 7}


def test_template_strings_nest_and_take_parts(db: PooledDatabase) -> None:
    where: Any = Template("WHERE n > ", value(1), " AND n % 2 = ", value(1, "l"))
    query: Any = Template(
        "SELECT ", value(Identifier("n"), "i"), " FROM generate_series(1, ", value(5), ") ",
        value(SQL("AS n"), "q"), " ", value(where, "q"), " AND n < ", value(Literal(5), "l"),
    )  # fmt: skip
    assert db.execute(query) == [{"n": 3}]
    ones: Any = [Template("SELECT ", value(number), "::int") for number in (1, 2)]
    both = SQL(" UNION ALL ").join(ones)
    assert db.execute(both) == [{"int4": 1}, {"int4": 2}]
    assert as_string(query).startswith('SELECT "n" FROM generate_series(1, 5) AS n WHERE n > 1 AND n % 2 = 1')


def test_a_template_string_without_values_may_hold_several_statements(db: PooledDatabase) -> None:
    query: Any = Template("SELECT 5 % 3 AS a; SELECT 2")
    assert db.execute(query) == [{"a": 2}]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([value(1, conversion="r")], r"{it} has a conversion \(!r\)"),
        ([value(1, ">5")], "{it:>5}: what follows the colon must be i, l, q, s, t or b"),
        ([value(7, "i")], "{it:i} is to be a name: it must be a str, not int"),
        ([value("now()", "q")], "{it:q} is to be SQL: it must be SQL, Composed or a template string"),
        ([value(SQL("now()"))], "{it} is a SQL: write {it:q}"),
        ([value(Identifier("a"))], "{it} is a Identifier: write {it:i}"),
        ([value(Literal(1), "q")], "{it:q} is a Literal: write {it:l}"),
        ([value(Template("1"))], "{it} is a Template: write {it:q}"),
        ([value(Placeholder())], "a Placeholder has no place in a template string"),
    ],
)
def test_what_a_template_string_can_not_have_is_told(db: PooledDatabase, parts: list[Any], message: str) -> None:
    query: Any = Template("SELECT ", *parts)
    with pytest.raises(pycopg.ProgrammingError, match=message):
        db.execute(query)


def test_a_template_string_takes_no_other_parameters(db: PooledDatabase) -> None:
    query: Any = Template("SELECT ", value(1), "::int")
    for call in (lambda: db.execute(query, [1]), lambda: db.execute_many(query, [[1]])):
        with pytest.raises(TypeError, match="a template string has its parameters in it"):
            call()
    with pytest.raises(TypeError, match="template strings can be joined with each other only"):
        SQL(", ").join([query, SQL("a")])


def test_template_strings_on_an_event_loop(run: Run) -> None:
    query: Any = Template("SELECT ", value("it's"), "::text AS a")

    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.execute(query) == [{"a": "it's"}]
        assert await db.fetch_val(query) == "it's"
        async with db.connection() as connection:
            assert await connection.fetch_one(query) == {"a": "it's"}

    run(body)
