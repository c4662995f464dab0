"""Types of the program's own on both faces: enumerations, composite types, and types with functions of its own."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
from decimal import Decimal
from typing import Any

import pytest

import pycopg
from own_types import TYPES, Colour, Face, Item, Level, Money, Mood, Pair, Vector, face_with_types, faces  # noqa: F401  (fixtures)
from pycopg import AsyncPooledDatabase, DataError


def test_a_member_comes_and_goes_by_its_name(face: Face) -> None:
    face.types.register("mood", Mood)
    assert face.do("fetch_val", "SELECT 'ok'::mood") is Mood.ok
    assert face.do("fetch_one", "SELECT 'ok'::mood AS mood, NULL::mood AS none") == {"mood": Mood.ok, "none": None}
    assert face.do("fetch_val", "SELECT %s", [Mood.sad]) is Mood.sad
    assert face.do("fetch_val", "SELECT pg_typeof(%s)::text", [Mood.sad]) == "mood"
    assert face.do("fetch_val", "SELECT %s", [[Mood.sad, None]]) == [Mood.sad, None]
    assert face.do("fetch_val", "SELECT %(m)s = ANY(ARRAY['ok']::mood[])", {"m": Mood.ok}) is True
    assert face.do("fetch_val", "SELECT %s", [[[Mood.sad], [Mood.ok]]]) == [[Mood.sad], [Mood.ok]]


def test_members_that_are_strings_go_by_value_and_a_mapping_by_its_labels(face: Face) -> None:
    face.types.register_enum("colour", Colour)
    face.types.register_enum("level", Level, {Level.low: "low", Level.high: "high"})
    assert face.do("fetch_val", "SELECT %s", [Colour.RED]) is Colour.RED
    assert face.do("fetch_val", "SELECT 'high'::level") is Level.high
    assert face.do("fetch_val", "SELECT %s", [[Level.low, Level.high]]) == [Level.low, Level.high]


def test_a_label_without_a_member_names_row_column_and_type_and_the_connection_goes_on(face: Face) -> None:
    face.types.register("colour", enum.Enum("Some", {"blue": 1}))
    sql = "SELECT x::colour AS paint FROM unnest(ARRAY['blue', 'dark red']) AS x"
    with pytest.raises(DataError, match=r"row 1, column 'paint' \(type 'colour'\): Some has no member"):
        face.do("execute", sql)
    with pytest.raises(DataError, match=r"row 1, column 'paint' \(type 'colour'\)"):
        face.on_connection(("fetch_all", sql))
    assert face.on_connection(("execute", "SELECT 1"), ("fetch_val", "SELECT 2"))[1] == 2


@pytest.mark.parametrize("cls", [Money, Pair])
def test_a_composite_is_an_object_with_whatever_its_fields_hold(face: Face, cls: Any) -> None:
    face.types.register_composite("money_t", cls)
    for value in (
        cls(Decimal("1.50"), "EUR"),
        cls(None, None),
        cls(Decimal(-1), ""),
        cls(Decimal(3), 'a "b", (c) \\d\\\\ \t\n\'é'),
        cls(Decimal("1e40"), "NULL"),
    ):
        assert face.do("fetch_val", "SELECT %s", [value]) == value
        assert face.do("fetch_val", "SELECT %s", [[value, None, value]]) == [value, None, value]
    assert face.do("fetch_val", "SELECT ROW(1, 'x')::money_t") == cls(Decimal(1), "x")


def test_composites_hold_composites_and_arrays(face: Face) -> None:
    face.types.register("mood", Mood)
    face.types.register_composite("money_t", Money)
    face.types.register_composite("item", Item)
    items = [
        Item('a "quoted", name', Money(Decimal(1), 'x"y'), [Mood.ok, None, Mood.sad]),
        Item("", None, []),
        Item(None, Money(None, "\\"), None),
    ]
    assert face.do("fetch_val", "SELECT %s", [items]) == items
    face.do("execute", "CREATE TABLE shelf (it item, rest item[])")
    face.do("execute", "INSERT INTO shelf VALUES (%s, %s)", [items[0], items])
    assert face.do("execute", "SELECT * FROM shelf", row=tuple) == [(items[0], items)]


def test_a_composite_becomes_a_tuple_or_dict_and_is_sent_by_a_function(face: Face) -> None:
    face.types.register_composite("money_t", tuple)
    assert face.do("fetch_val", "SELECT ROW(1, NULL)::money_t") == (Decimal(1), None)
    face.types.register_composite("money_t", dict)
    assert face.do("fetch_val", "SELECT ROW(1, NULL)::money_t") == {"amount": Decimal(1), "currency": None}

    class Odd:
        def __init__(self, amount: Decimal, currency: str) -> None:
            self.pair = (amount, currency)

    face.types.register_composite("money_t", Odd, dumps=lambda odd: odd.pair)
    assert face.do("fetch_val", "SELECT %s", [Odd(Decimal(2), "x")]).pair == (Decimal(2), "x")


def test_a_row_of_a_table_is_a_composite(face: Face) -> None:
    face.do("execute", "CREATE TABLE prices (amount numeric, gone int, currency text)")
    face.do("execute", "ALTER TABLE prices DROP COLUMN gone; INSERT INTO prices VALUES (1, 'EUR')")
    face.types.register_composite("prices", Money)
    assert face.do("fetch_val", "SELECT p FROM prices AS p") == Money(Decimal(1), "EUR")


def test_a_class_that_does_not_take_the_fields_names_row_column_and_type(face: Face) -> None:
    @dataclasses.dataclass
    class Wrong:
        other: int

    face.types.register_composite("money_t", Wrong)
    with pytest.raises(DataError, match=r"row 0, column 'm' \(type 'money_t'\).*amount") as raised:
        face.do("execute", "SELECT ROW(1, 'x')::money_t AS m")
    assert isinstance(raised.value.__cause__, TypeError)


def test_own_functions_read_and_send_a_type(face: Face) -> None:
    face.types.register("point", Vector, dumps=Vector.dumps, loads=Vector.loads)
    assert face.do("fetch_val", "SELECT point '(1,2.5)'") == Vector(1, 2.5)
    assert face.do("fetch_val", "SELECT %s", [Vector(3, 4)]) == Vector(3, 4)
    assert face.do("fetch_val", "SELECT ARRAY[point '(1,2)', NULL]") == [Vector(1, 2), None]
    assert face.do("fetch_val", "SELECT %s", [[Vector(1, 2)]]) == [Vector(1, 2)]

    class Derived(Vector): ...

    assert face.do("fetch_val", "SELECT %s", [Derived(3, 4)]) == Vector(3, 4)


def test_a_built_in_type_is_read_in_another_way(face: Face) -> None:
    face.types.register("numeric", loads=float)
    value = face.do("fetch_val", "SELECT 1.5::numeric")
    assert isinstance(value, float)
    assert face.do("fetch_val", "SELECT ARRAY[1.5, 2]::numeric[]") == [1.5, 2.0]
    assert face.do("fetch_val", "SELECT numrange(1, 2)") == pycopg.types.Range(1.0, 2.0)


def test_a_loads_that_raises_is_the_cause(face: Face) -> None:
    def loads(text: str) -> Any:
        if text == "0/0":
            raise ZeroDivisionError("no")
        return text

    face.types.register("money_t", loads=loads)
    face.do("execute", "CREATE TYPE ratio AS ENUM ('1/2', '0/0')")
    face.types.register("ratio", loads=loads)
    sql = "SELECT n, r::ratio AS r FROM unnest(ARRAY['1/2', '1/2', '0/0']) WITH ORDINALITY AS t(r, n)"
    for call in (
        lambda: face.do("execute", sql),
        lambda: face.on_connection(("fetch_all", sql), autocommit=True),
        lambda: face.stream(sql),
    ):
        with pytest.raises(DataError, match=r"row 2, column 'r' \(type 'ratio'\): no") as raised:
            call()
        assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert face.do("fetch_val", "SELECT 1") == 1


def test_a_dumps_that_raises_names_the_parameter(face: Face) -> None:
    def dumps(vector: Vector) -> Any:
        return {"text": "(1,2)", "none": None, "raise": 1 / 0}[vector.items[0]] if vector.items else 7

    class Bad(Vector): ...

    face.types.register("point", Bad, dumps=dumps, loads=str)
    for params, place in (([1, Bad()], "parameter 2"), ({"a": 1, "b": Bad()}, "parameter b")):
        sql = "SELECT %s, %s" if isinstance(params, list) else "SELECT %(a)s, %(b)s"
        with pytest.raises(DataError, match=f"^{place}: a value of class .*Bad can't be sent as type 'point'"):
            face.do("execute", sql, params)
        with pytest.raises(DataError, match=f"^{place}"):
            face.on_connection(("execute", sql, params))
    with pytest.raises(DataError, match="parameter 1") as raised:
        face.do("execute", "SELECT %s", [Bad(1)])
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    face.do("execute", "CREATE TABLE points (p point)")
    with pytest.raises(DataError, match="row 1: parameter 1"):
        face.do("execute_many", "INSERT INTO points VALUES (%s)", [["(1,2)"], [Bad()]])
    with pytest.raises(DataError, match="row 1, column 1"):
        face.write_rows("COPY points FROM STDIN", ["(1,2)"], [Bad()])
    assert face.do("fetch_val", "SELECT count(*) FROM points") == 0


def test_the_types_apply_to_every_verb(face: Face) -> None:
    face.types.register("mood", Mood)
    face.types.register_composite("money_t", Money)
    face.do("execute", "CREATE TABLE days (day int, mood mood, paid money_t)")
    insert = "INSERT INTO days VALUES (%s, %s, %s)"
    paid = Money(Decimal(1), "EUR")
    assert face.do("execute_many", insert, [[1, Mood.ok, paid], [2, Mood.sad, None]]) == 2
    assert face.do("copy_in", "days", [(3, Mood.ok, paid), (4, None, None)]) == 2
    face.write_rows("COPY days FROM STDIN", (5, Mood.sad, paid))
    face.on_connection(("execute", insert, [6, Mood.ok, paid]), ("execute_many", insert, [[7, Mood.ok, None]]))
    moods = [Mood.ok, Mood.sad, Mood.ok, None, Mood.sad, Mood.ok, Mood.ok]
    query = "SELECT mood, paid FROM days ORDER BY day"
    assert [row["mood"] for row in face.do("execute", query)] == moods
    assert [row["mood"] for row in face.stream(query, size=2)] == moods
    assert face.do("fetch_one", query) == {"mood": Mood.ok, "paid": paid}
    rows, one, value = face.on_connection(("fetch_all", query), ("fetch_one", query), ("fetch_val", query))
    assert ([row["mood"] for row in rows], one["paid"], value) == (moods, paid, Mood.ok)
    assert [row["mood"] for row in face.do("execute", query + " LIMIT %s", [3])] == moods[:3]
    many = face.do("copy_in", "days", [(n, Mood.ok, paid) for n in range(1500)])
    assert many == 1500


def test_a_source_of_rows_may_be_asynchronous(server_url: str, schema: str) -> None:
    async def rows() -> Any:
        yield [Mood.ok]
        yield [None]

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, 2) as db:
            await db.execute(TYPES + "CREATE TABLE days (mood mood)")
            db.types.register("mood", Mood)
            assert await db.execute_many("INSERT INTO days VALUES (%s)", rows()) == 2
            async with db.connection() as conn:
                assert await conn.execute_many("INSERT INTO days VALUES (%s)", rows()) == 2
            assert await db.copy_in("days", rows()) == 2
            assert await db.fetch_val("SELECT array_agg(mood) FROM days") == [Mood.ok, None] * 3

    asyncio.run(main())
