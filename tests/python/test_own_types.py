"""Types of the program's own on both faces: enumerations, composite types, and types with functions of its own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

import pycopg
from pycopg import AsyncPooledDatabase, DataError, PooledDatabase, ProgrammingError


class Mood(enum.Enum):
    sad = 1
    ok = 2


class Colour(str, enum.Enum):
    RED = "dark red"
    BLUE = "blue"


class Level(enum.IntEnum):
    low = 1
    high = 2


@dataclasses.dataclass
class Money:
    amount: Decimal | None
    currency: str | None


@dataclasses.dataclass(frozen=True)
class Item:
    name: str | None
    price: Money | None
    moods: list[Mood | None] | None


class Pair(NamedTuple):
    amount: Decimal | None
    currency: str | None


class Vector:
    """As of an extension: its text is [1,2]."""

    def __init__(self, *items: float) -> None:
        self.items = list(items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and self.items == other.items

    def __hash__(self) -> int:
        return hash(tuple(self.items))

    @staticmethod
    def dumps(vector: Vector) -> str:
        return "(" + ",".join(map(str, vector.items)) + ")"

    @staticmethod
    def loads(text: str) -> Vector:
        return Vector(*map(float, text.strip("()").split(",")))


TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE colour AS ENUM ('dark red', 'blue');
CREATE TYPE level AS ENUM ('low', 'high');
CREATE TYPE money_t AS (amount numeric, currency text);
CREATE TYPE item AS (name text, price money_t, moods mood[]);
"""


class Threads:
    """The verbs of a pool for threads, and of one of its connections."""

    def __init__(self, url: str, **options: Any) -> None:
        self.db = PooledDatabase.from_url(url, 1, options.pop("max_size", 4), **options)
        self.types = self.db.types

    def do(self, verb: str, *args: Any, **keywords: Any) -> Any:
        return getattr(self.db, verb)(*args, **keywords)

    def on_connection(self, *calls: tuple[Any, ...], autocommit: bool = False) -> list[Any]:
        with self.db.connection() as conn:
            conn.autocommit = autocommit
            return [getattr(conn, verb)(*args) for verb, *args in calls]

    def stream(self, sql: str, params: Any = None, **options: Any) -> list[Any]:
        with self.db.stream(sql, params, **options) as rows:
            return list(rows)

    def write_rows(self, sql: str, *rows: Any) -> None:
        with self.db.connection() as conn, conn.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)

    def close(self) -> None:
        self.db.close()


class Asyncio:
    """The same of one for asyncio."""

    def __init__(self, url: str, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        self.db = AsyncPooledDatabase.from_url(url, 1, options.pop("max_size", 4), **options)
        self.types = self.db.types
        self.loop.run_until_complete(self.db.open())

    def do(self, verb: str, *args: Any, **keywords: Any) -> Any:
        return self.loop.run_until_complete(getattr(self.db, verb)(*args, **keywords))

    def on_connection(self, *calls: tuple[Any, ...], autocommit: bool = False) -> list[Any]:
        async def body() -> list[Any]:
            async with self.db.connection() as conn:
                await conn.set_autocommit(autocommit)
                return [await getattr(conn, verb)(*args) for verb, *args in calls]

        return self.loop.run_until_complete(body())

    def stream(self, sql: str, params: Any = None, **options: Any) -> list[Any]:
        async def body() -> list[Any]:
            async with self.db.stream(sql, params, **options) as rows:
                return [row async for row in rows]

        return self.loop.run_until_complete(body())

    def write_rows(self, sql: str, *rows: Any) -> None:
        async def body() -> None:
            async with self.db.connection() as conn, conn.copy(sql) as copy:
                for row in rows:
                    await copy.write_row(row)

        self.loop.run_until_complete(body())

    def close(self) -> None:
        self.loop.run_until_complete(self.db.close())
        self.loop.close()


Face = Any  # Threads or Asyncio


@pytest.fixture(params=[Threads, Asyncio])
def make_face(request: pytest.FixtureRequest, server_url: str, schema: str) -> Iterator[Callable[..., Face]]:
    faces = []

    def make(**options: Any) -> Face:
        faces.append(request.param(server_url, **options))
        return faces[-1]

    yield make
    for face in faces:
        face.close()


@pytest.fixture
def face(make_face: Callable[..., Face]) -> Face:
    face = make_face()
    face.do("execute", TYPES)
    return face


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


def test_a_type_is_found_by_its_schema_or_on_the_search_path(face: Face, schema: str) -> None:
    face.do("execute", f"CREATE SCHEMA {schema}_other")
    try:
        face.do("execute", f"CREATE TYPE {schema}_other.\"Odd Name\" AS ENUM ('sad', 'ok')")
        face.types.register(f'{schema}_other."Odd Name"', Mood)
        assert face.do("fetch_val", f"SELECT 'ok'::{schema}_other.\"Odd Name\"") is Mood.ok
        assert face.do("fetch_val", "SELECT 'ok'::mood") == "ok"
    finally:
        face.do("execute", f"DROP SCHEMA {schema}_other CASCADE")


def test_a_type_that_is_made_anew_is_looked_up_again(face: Face) -> None:
    face.types.register("mood", Mood)
    face.types.register_composite("money_t", Money)
    face.do("execute", "CREATE TABLE days (mood mood)")
    again = "DROP TYPE item; DROP TYPE money_t; DROP TYPE mood CASCADE; " + TYPES.replace(
        "CREATE TYPE colour AS ENUM ('dark red', 'blue');\nCREATE TYPE level AS ENUM ('low', 'high');", ""
    )
    money = Money(Decimal(1), "x")
    for _ in range(3):
        assert face.do("fetch_val", "SELECT 'ok'::mood") is Mood.ok
        assert face.do("fetch_val", "SELECT %s", [[Mood.ok]]) == [Mood.ok]
        assert face.do("fetch_val", "SELECT %s", [money]) == money
        face.do("execute", again)
    assert face.do("fetch_val", "SELECT %s", [Mood.ok]) is Mood.ok
    face.do("execute", again)
    # In a transaction the error is the server's, and the next statement knows better.
    with contextlib.suppress(pycopg.DatabaseError):
        face.on_connection(("fetch_val", "SELECT %s", [Mood.ok]))
    assert face.on_connection(("fetch_val", "SELECT %s", [Mood.ok])) == [Mood.ok]
    face.do("execute", again)
    assert face.on_connection(("fetch_val", "SELECT %s", [money]), autocommit=True) == [money]
    face.do("execute", again)
    assert face.stream("SELECT 'ok'::mood AS m") == [{"m": Mood.ok}]


def test_a_type_made_in_an_open_transaction_is_found_there(face: Face) -> None:
    face.types.register("fresh", Mood)
    made = ("execute", "CREATE TYPE fresh AS ENUM ('sad', 'ok')")
    _, sent, read = face.on_connection(
        made, ("fetch_val", "SELECT %s", [Mood.ok]), ("fetch_val", "SELECT ARRAY['sad']::fresh[]")
    )
    assert (sent, read) == (Mood.ok, [Mood.sad])


def test_a_type_that_is_missing_is_logged_once_and_raises_when_it_is_sent(
    face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    class Ghost(enum.Enum):
        boo = 1

    face.types.register("ghost", Ghost)
    with caplog.at_level(logging.WARNING, "pycopg"):
        assert face.do("fetch_val", "SELECT 1") == 1
        assert face.do("fetch_val", "SELECT 'ok'::mood") == "ok"
        message = "parameter 1: the database has no type 'ghost', which class .*Ghost is registered for"
        for _ in range(2):
            with pytest.raises(ProgrammingError, match=message):
                face.do("execute", "SELECT %s", [Ghost.boo])
            with pytest.raises(ProgrammingError, match=message):
                face.on_connection(("execute", "SELECT %s", [Ghost.boo]))
            with pytest.raises(ProgrammingError, match="the database has no type 'ghost'"):
                face.do("execute_many", "SELECT %s", [[Ghost.boo]])
            with pytest.raises(ProgrammingError, match="the database has no type 'ghost'"):
                face.stream("SELECT %s", [Ghost.boo])
    told = [record.getMessage() for record in caplog.records if "registered" in record.getMessage()]
    assert told == ["types that are registered, and that the database does not have: ghost"]
    face.do("execute", "CREATE TYPE ghost AS ENUM ('boo')")
    assert face.do("fetch_val", "SELECT %s", [Ghost.boo]) is Ghost.boo


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The types that were asked for, of each question."""
    questions: list[list[int]] = []
    ask = pycopg._types.Types._question

    def question(self: Any, types: Any) -> Any:
        questions.append(list(types))
        return ask(self, types)

    monkeypatch.setattr(pycopg._types.Types, "_question", question)
    return questions


def test_names_are_looked_up_once_for_all_connections_also_after_they_are_lost(
    face: Face, counted: list[list[int]], server_url: str
) -> None:
    face.types.register("mood", Mood)
    face.types.register_composite("money_t", Money)
    for _ in range(2):
        for _ in range(4):
            assert face.do("fetch_val", "SELECT 'ok'::mood") is Mood.ok
            assert face.on_connection(("fetch_val", "SELECT ROW(1, 'x')::money_t")) == [Money(Decimal(1), "x")]
        pids = face.on_connection(("fetch_val", "SELECT pg_backend_pid()"))
        with PooledDatabase.from_url(server_url, 1, 1) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 10000)", pids)
    assert counted == [[]]


def test_a_type_that_is_not_registered_is_asked_for_once_and_stays_text(face: Face, counted: list[list[int]]) -> None:
    face.types.register("mood", Mood)
    for _ in range(3):
        assert face.do("fetch_val", "SELECT 'low'::level") == "low"
        assert face.do("fetch_val", "SELECT ARRAY['low']::level[]") == "{low}"
        assert face.do("fetch_val", "SELECT 'ok'::mood") is Mood.ok
    assert len(counted) == 3  # the names, and each of the two types
    face.types.register("level", Level)
    assert face.do("fetch_val", "SELECT ARRAY['low']::level[]") == [Level.low]


def test_nothing_is_asked_where_nothing_needs_to_be(face: Face, counted: list[list[int]]) -> None:
    assert face.do("fetch_val", "SELECT 'ok'::mood") == "ok"
    face.types.register("numeric", loads=float)
    face.types.json(loads=str)
    assert face.do("fetch_val", "SELECT 'ok'::mood") == "ok"
    assert face.do("fetch_val", "SELECT 1.5") == 1.5
    assert counted == []


def test_a_look_up_leaves_a_transaction_to_its_caller(face: Face) -> None:
    face.types.register("mood", Mood)
    isolation = ("execute", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    _, mood, level = face.on_connection(
        isolation, ("fetch_val", "SELECT 'ok'::mood"), ("fetch_val", "SHOW transaction_isolation")
    )
    assert (mood, level) == (Mood.ok, "serializable")


def test_a_failed_transaction_asks_nothing_and_says_so(face: Face) -> None:
    def fail() -> None:
        face.on_connection(("execute", "SELECT 1/0"))

    with pytest.raises(pycopg.errors.DivisionByZero):
        fail()
    face.types.register("mood", Mood)
    if isinstance(face, Threads):
        with face.db.connection() as conn:
            with pytest.raises(pycopg.errors.DivisionByZero):
                conn.execute("SELECT 1/0")
            for params in ([1], [Mood.ok]):
                with pytest.raises(pycopg.DatabaseError):
                    conn.execute("SELECT %s", params)
            conn.rollback()
            assert conn.fetch_val("SELECT %s", [Mood.ok]) is Mood.ok
        return

    async def body() -> None:
        async with face.db.connection() as conn:
            with pytest.raises(pycopg.errors.DivisionByZero):
                await conn.execute("SELECT 1/0")
            face.types.register("mood", Mood)
            with pytest.raises(pycopg.errors.InFailedSqlTransaction):
                await conn.execute("SELECT 1")
            with pytest.raises(pycopg.DatabaseError):
                await conn.execute("SELECT %s", [Mood.ok])
            await conn.rollback()
            assert await conn.fetch_val("SELECT %s", [Mood.ok]) is Mood.ok

    face.loop.run_until_complete(body())


def test_two_answers_at_the_same_time_lose_nothing() -> None:
    types = pycopg._types.Types()
    types.register("a", Mood)
    _, first = types._question([])
    _, second = types._question([20001])
    rows = [
        (20000, "e", "a", 0, ",", 0, 0, 0, [], [], ["a"]),
        (20001, "b", "_a", 20000, ",", 0, 0, 0, [], [], []),
    ]
    types._answer(second, rows)
    types._answer(first, rows[:1])
    assert set(types._known) == {20000, 20001}
    assert not types._stale
    types.register("b", Mood)
    types._answer(second, rows)
    assert types._stale


def test_one_connection_is_enough(make_face: Callable[..., Face]) -> None:
    face = make_face(max_size=1)
    face.do("execute", TYPES)
    face.types.register("mood", Mood)
    calls = [("fetch_val", f"SELECT '{mood}'::mood") for mood in ("ok", "sad")]
    assert face.on_connection(*calls) == [Mood.ok, Mood.sad]
    assert face.stream("SELECT 'ok'::mood AS m") == [{"m": Mood.ok}]


def test_a_pool_with_a_check_looks_up_too(server_url: str, schema: str) -> None:
    with PooledDatabase.from_url(server_url, 1, 2, check=lambda conn: conn.execute("SELECT 1")) as db:
        db.execute(TYPES)
        db.types.register("mood", Mood)
        assert db.fetch_val("SELECT %s", [Mood.ok]) is Mood.ok


def test_both_faces_of_a_pool_and_single_connections_share_the_registry(server_url: str, schema: str) -> None:
    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, 2) as db:
            await db.execute(TYPES)
            db.sync.types.register("mood", Mood)
            assert db.types is db.sync.types
            assert await db.fetch_val("SELECT 'ok'::mood") is Mood.ok
            assert await asyncio.to_thread(db.sync.fetch_val, "SELECT 'ok'::mood") is Mood.ok

    asyncio.run(main())
    with PooledDatabase.from_url(server_url, 1, 1) as db, contextlib.closing(pycopg.connect(db)) as conn:
        conn.types.register("mood", Mood)
        assert conn.types is db.types
        assert conn.execute("SELECT %s", [Mood.ok]).fetchone() == (Mood.ok,)


def test_threads_look_up_at_the_same_time(server_url: str, schema: str) -> None:
    with PooledDatabase.from_url(server_url, 4, 4) as db:
        db.execute(TYPES)
        db.types.register("mood", Mood)
        seen: list[Any] = []
        threads = [
            threading.Thread(target=lambda: seen.extend(db.fetch_val("SELECT %s", [Mood.ok]) for _ in range(50)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [Mood.ok] * 400


def test_what_cannot_be_registered_says_so(face: Face) -> None:
    for cls in (int, str, list, bytes):
        with pytest.raises(ProgrammingError, match="derive a class"):
            face.types.register("mood", cls, dumps=str)
    with pytest.raises(ProgrammingError, match="a class and its dumps"):
        face.types.register("mood", Vector)
    with pytest.raises(TypeError, match="must be a str"):
        face.types.register(7)


def test_an_object_inside_itself_is_refused(face: Face) -> None:
    face.types.register_composite("money_t", Money)
    money = Money(None, None)
    money.currency = money  # type: ignore[assignment]
    with pytest.raises(RecursionError):
        face.do("execute", "SELECT %s", [money])


def test_a_registry_that_knows_its_pool_dies_with_it(server_url: str, schema: str) -> None:
    db = PooledDatabase.from_url(server_url, 0, 1)
    db.types.register("numeric", loads=lambda text, db=db: (db, text))
    assert db.fetch_val("SELECT 1.5")[1] == "1.5"
    died = weakref.ref(db)
    db.close()
    del db
    gc.collect()
    assert died() is None
