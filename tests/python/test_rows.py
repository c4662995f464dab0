"""What a row becomes: dictionaries, tuples, dataclasses, named tuples, models and whatever else takes the columns."""

from __future__ import annotations

import abc
import collections
import dataclasses
import functools
import gc
import inspect
import sys
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, Optional, TypedDict

import pydantic
import pytest

import pycopg
from conftest import Run
from pycopg import AsyncPooledDatabase, PooledDatabase, rows

QUERY = "SELECT n AS id, 'name ' || n AS name, nullif(n, 2) AS age FROM generate_series(1, 3) AS n"
EXPECTED = [(1, "name 1", 1), (2, "name 2", None), (3, "name 3", 3)]


@dataclasses.dataclass
class Plain:
    id: int
    name: str
    age: int | None


@dataclasses.dataclass(frozen=True)
class Frozen:
    id: int
    name: str
    age: int | None


class Point(NamedTuple):
    id: int
    name: str
    age: int | None


class Hand:
    def __init__(self, id: int, *, name: str, age: int | None) -> None:  # noqa: A002
        self.id, self.name, self.age = id, name, age


class Model(pydantic.BaseModel):
    id: int
    name: str
    age: Optional[int]  # noqa: UP045  (pydantic reads it, in Python 3.9, too)


class Shape(TypedDict):
    id: int
    name: str
    age: int | None


def function(**columns: Any) -> Any:
    return Plain(**columns)


SLOTTED: list[Any] = []
if sys.version_info >= (3, 10):
    SLOTTED.append(dataclasses.make_dataclass("Slotted", ["id", "name", "age"], slots=True))
    SLOTTED.append(dataclasses.make_dataclass("FrozenSlotted", ["id", "name", "age"], slots=True, frozen=True))
    SLOTTED.append(dataclasses.make_dataclass("KeywordOnly", ["id", "name", "age"], kw_only=True))

OBJECTS = [Plain, Frozen, Point, Hand, Model, function, rows.namedtuple, rows.args(Plain), *SLOTTED]


def shown(kind: Any) -> str:
    return str(getattr(kind, "__name__", type(kind).__name__))


def values(row: Any) -> tuple[Any, ...]:
    return row.id, row.name, row.age


@pytest.mark.parametrize("kind", OBJECTS, ids=shown)
def test_rows_become_objects_whichever_verb_reads_them(db: PooledDatabase, kind: Any) -> None:
    assert [values(it) for it in db.execute(QUERY, row=kind)] == EXPECTED
    assert [values(it) for it in db.fetch_all(QUERY, row=kind)] == EXPECTED
    first = db.fetch_one(QUERY, row=kind)
    assert values(first) == EXPECTED[0]
    if isinstance(kind, type):
        assert type(first) is kind
    with db.connection() as connection:
        assert [values(it) for it in connection.fetch_all(QUERY, row=kind)] == EXPECTED
        assert values(connection.fetch_one(QUERY, row=kind)) == EXPECTED[0]
        assert [values(it) for it in connection.execute(QUERY, row=kind)] == EXPECTED
        cursor = connection.cursor(row_factory=kind).execute(QUERY)
        assert cursor.row_factory is kind
        assert [values(cursor.fetchone()), *map(values, cursor.fetchmany(2))] == EXPECTED
        cursor.execute(QUERY)
        assert [values(it) for it in cursor.fetchall()] == EXPECTED


@pytest.mark.parametrize("kind", OBJECTS, ids=shown)
def test_pools_connections_and_cursors_have_a_default(make_pool: Callable[..., PooledDatabase], kind: Any) -> None:
    db = make_pool(row_factory=kind)
    assert [values(it) for it in db.execute(QUERY)] == EXPECTED
    assert db.fetch_one(QUERY, row=dict) == {"id": 1, "name": "name 1", "age": 1}
    with db.connection() as connection:
        assert connection.row_factory is kind
        assert values(connection.fetch_one(QUERY)) == EXPECTED[0]
        connection.row_factory = tuple
        assert connection.fetch_all(QUERY) == EXPECTED
        cursor = connection.execute(QUERY)
        assert cursor.fetchone() == EXPECTED[0]
        cursor.row_factory = kind
        assert values(cursor.fetchone()) == EXPECTED[1]
        cursor.row_factory = rows.scalar
        assert cursor.fetchone() == 3


@pytest.mark.parametrize("kind", [Plain, Point, Hand, Model, rows.namedtuple], ids=shown)
def test_rows_become_objects_on_an_event_loop(run: Run, kind: Any) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        assert [values(it) for it in await db.execute(QUERY, row=kind)] == EXPECTED
        assert [values(it) for it in await db.fetch_all(QUERY, row=kind)] == EXPECTED
        assert values(await db.fetch_one(QUERY, row=kind)) == EXPECTED[0]
        async with db.connection() as connection:
            assert [values(it) for it in await connection.fetch_all(QUERY, row=kind)] == EXPECTED
            assert values(await connection.fetch_one(QUERY, row=kind)) == EXPECTED[0]
            assert [values(it) async for it in await connection.execute(QUERY, row=kind)] == EXPECTED
            cursor = await connection.cursor(row_factory=kind).execute(QUERY)
            assert [values(it) for it in await cursor.fetchall()] == EXPECTED
        with pytest.raises(pycopg.ProgrammingError, match="no column is there for its"):
            await db.fetch_one("SELECT 1 AS id", row=Plain)

    run(body)


def test_rows_become_objects_where_the_pool_has_a_check(make_pool: Callable[..., PooledDatabase], run: Run) -> None:
    db = make_pool(check=lambda connection: None)
    assert [values(it) for it in db.execute(QUERY, row=Plain)] == EXPECTED
    assert values(db.fetch_one(QUERY, row=Plain)) == EXPECTED[0]

    async def check(connection: object) -> None: ...

    async def body(adb: AsyncPooledDatabase) -> None:
        assert [values(it) for it in await adb.execute(QUERY, row=Plain)] == EXPECTED
        assert values(await adb.fetch_one(QUERY, row=Plain)) == EXPECTED[0]

    run(body, check=check)


def test_the_plain_kinds(db: PooledDatabase) -> None:
    assert db.execute(QUERY, row=tuple) == EXPECTED
    assert db.execute(QUERY, row=rows.scalar) == [1, 2, 3]
    assert db.fetch_one(QUERY, row=rows.scalar) == 1
    assert db.fetch_one("SELECT 1 WHERE false", row=rows.scalar) is None
    typed: list[Shape] = db.execute(QUERY, row=Shape)
    assert [tuple(it.values()) for it in typed] == EXPECTED
    assert type(typed[0]) is dict
    assert db.execute(QUERY, row=rows.args(lambda *columns: list(columns))) == [list(it) for it in EXPECTED]
    odd = db.fetch_one('SELECT 1 AS "a b", 2 AS class, 3 AS x, 4 AS x', row=rows.namedtuple)
    assert odd == (1, 2, 3, 4)
    assert odd._fields == ("_0", "_1", "x", "_3")


@pytest.mark.parametrize("kind", OBJECTS, ids=shown)
def test_no_row_is_no_object(db: PooledDatabase, kind: Any) -> None:
    assert db.execute(QUERY + " WHERE n > 3", row=kind) == []
    assert db.fetch_one(QUERY + " WHERE n > 3", row=kind) is None
    assert db.execute("SET TIME ZONE 'UTC'", row=kind) == []
    assert db.fetch_one("SET TIME ZONE 'UTC'", row=kind) is None


def test_fields_without_a_column_have_their_defaults(db: PooledDatabase) -> None:
    @dataclasses.dataclass
    class User:
        id: int
        tags: list[str] = dataclasses.field(default_factory=list)
        active: bool = True

    first, second = db.execute("SELECT n AS id FROM generate_series(1, 2) AS n", row=User)
    assert (first, second) == (User(1), User(2))
    assert first.tags is not second.tags
    assert vars(first) == {"id": 1, "tags": [], "active": True}
    assert db.fetch_one("SELECT false AS active, 5 AS id", row=User) == User(5, active=False)

    class Pair(NamedTuple):
        a: int
        b: str = "none"

    assert db.fetch_one("SELECT 1 AS a", row=Pair) == Pair(1)
    assert db.fetch_one("SELECT 'x' AS b, 1 AS a", row=Pair) == Pair(1, "x")


# Each of these does more than to set its fields, so that its constructor must be called.


@dataclasses.dataclass
class Post:
    id: int
    name: str
    age: int | None
    shown: str = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.shown = f"{self.name} ({self.age})"


@dataclasses.dataclass
class OwnInit:
    id: int
    name: str
    age: int | None

    def __init__(self, id: int, name: str, age: int | None) -> None:  # noqa: A002
        self.id, self.name, self.age, self.shown = id, name, age, f"{name} ({age})"


@dataclasses.dataclass
class Once:
    id: int
    name: str
    age: int | None
    extra: dataclasses.InitVar[int] = 7

    def __post_init__(self, extra: int) -> None:
        assert extra == 7
        self.shown = f"{self.name} ({self.age})"


class Made(Plain):
    def __new__(cls, **_columns: Any) -> Made:
        made = super().__new__(cls)
        made.shown = f"{_columns['name']} ({_columns['age']})"
        return made

    shown: str


@dataclasses.dataclass
class Watched:
    id: int
    name: str
    age: int | None

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        object.__setattr__(self, "shown", f"{vars(self).get('name')} ({value})")


class Derived(Plain):
    def __init__(self, **columns: Any) -> None:
        super().__init__(**columns)
        self.shown = f"{self.name} ({self.age})"


class Metaclass(type):
    def __call__(cls, **columns: Any) -> Any:
        made = super().__call__(**columns)
        made.shown = f"{made.name} ({made.age})"
        return made


@dataclasses.dataclass
class Meta(metaclass=Metaclass):
    id: int
    name: str
    age: int | None


class Checked(collections.namedtuple("Checked", "id name age")):
    def __new__(cls, **columns: Any) -> Checked:
        made = super().__new__(cls, **columns)
        made.shown = f"{made.name} ({made.age})"
        return made

    shown: str


@pytest.mark.parametrize("kind", [Post, OwnInit, Once, Made, Watched, Derived, Meta, Checked], ids=shown)
def test_a_constructor_that_does_more_is_called(db: PooledDatabase, kind: Any) -> None:
    made = db.execute(QUERY, row=kind)
    assert [values(it) for it in made] == EXPECTED
    assert [it.shown for it in made] == ["name 1 (1)", "name 2 (None)", "name 3 (3)"]
    assert type(made[0]) is kind


def test_a_property_among_the_fields_is_set_as_the_constructor_sets_it(db: PooledDatabase) -> None:
    @dataclasses.dataclass
    class Doubled:
        id: int

    kind: Any = Doubled
    kind.id = property(lambda self: self.kept, lambda self, value: setattr(self, "kept", value * 2))
    assert [it.id for it in db.execute("SELECT 4 AS id", row=Doubled)] == [Doubled(4).id] == [8]


def test_a_dataclass_whose_attributes_differ_is_still_one(db: PooledDatabase) -> None:
    """It is as if the constructor had made it: equal, hashable, to be pickled, copied, weakly referenced."""
    row: Any = db.fetch_one(QUERY, row=Frozen)
    assert row == Frozen(1, "name 1", 1)
    assert hash(row) == hash(Frozen(1, "name 1", 1))
    assert dataclasses.replace(row, id=9) == Frozen(9, "name 1", 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.id = 2
    assert weakref.ref(row)() is row
    assert gc.is_tracked(row)


ERRORS = [
    ("SELECT 1 AS id, 'a' AS name", "rows of 'id', 'name' can't become {}: no column is there for its 'age'"),
    (
        "SELECT 1 AS id, 'a' AS nme, 2 AS age",
        "rows of 'id', 'nme', 'age' can't become {}: it has no field 'nme', and no column is there for its 'name'",
    ),
    ("SELECT 1 AS id, 'a' AS name, 2 AS age, 3 AS x", "{}: it has no field 'x'$"),
    ("SELECT 1 AS id, 'a' AS name, 2 AS age, 3 AS id", "{}: two columns have one name$"),
    ("SELECT", "rows of no columns can't become {}: no column is there for its 'id', 'name', 'age'"),
]


@pytest.mark.parametrize("kind", [Plain, Frozen, Point, Hand], ids=shown)
@pytest.mark.parametrize(("sql", "message"), ERRORS)
def test_what_does_not_fit_is_named(db: PooledDatabase, kind: Any, sql: str, message: str) -> None:
    empty = f"SELECT * FROM ({sql}) AS t WHERE false" if "x" in sql or "nme" in sql else sql  # known without a row
    with pytest.raises(pycopg.ProgrammingError, match=message.format(kind.__name__)):
        db.execute(sql, row=kind)
    with pytest.raises(pycopg.ProgrammingError, match=message.format(kind.__name__)):
        db.fetch_one(empty, row=kind)
    with db.connection() as connection:
        with pytest.raises(pycopg.ProgrammingError, match=message.format(kind.__name__)):
            connection.fetch_all(empty, row=kind)
        cursor = connection.execute(sql, row=kind)
        with pytest.raises(pycopg.ProgrammingError, match=message.format(kind.__name__)):
            cursor.fetchone()
        cursor.row_factory = tuple
        assert cursor.fetchone() is not None  # the rows are there


def test_an_error_of_the_target_is_its_own(db: PooledDatabase) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        db.execute("SELECT n AS id, 'a' AS name, 'b' AS age FROM generate_series(1, 2) AS n", row=Model)
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__[0] == "while row 0 of the result became Model"

    class Odd(Exception): ...

    def refuse(id: int) -> None:  # noqa: A002
        if id == 2:
            raise Odd

    with pytest.raises(Odd) as odd:
        db.execute("SELECT n AS id FROM generate_series(1, 3) AS n", row=refuse)
    if sys.version_info >= (3, 11):
        assert odd.value.__notes__[0].startswith("while row 1 of the result became")
    with pytest.raises(TypeError, match="takes no arguments|takes 0 positional|unexpected keyword"):
        db.execute("SELECT 1 AS id", row=rows.args(lambda: None))


def test_what_became_of_a_statement_is_told_although_its_rows_fit_nothing(users: PooledDatabase) -> None:
    with pytest.raises(pycopg.ProgrammingError, match="no field 'id'") as caught:
        users.execute("INSERT INTO users (name) VALUES ('Eve') RETURNING id", row=dataclasses.make_dataclass("No", []))
    assert caught.value.executed
    assert caught.value.committed
    assert users.fetch_val("SELECT count(*) FROM users WHERE name = 'Eve'") == 1


@pytest.mark.parametrize("wrong", [7, "dict", list, int, object()], ids=repr)
def test_what_takes_no_rows_is_refused_before_anything_is_sent(
    make_pool: Callable[..., PooledDatabase], users: PooledDatabase, wrong: Any
) -> None:
    with pytest.raises(ValueError, match="^row = .*: it must be dict, tuple, or a class or function that takes"):
        users.execute("DELETE FROM users", row=wrong)
    with pytest.raises(ValueError, match="^row_factory = "):
        make_pool(row_factory=wrong)
    with users.connection() as connection:
        for call in (
            lambda: connection.fetch_all("DELETE FROM users", row=wrong),
            lambda: connection.cursor(row_factory=wrong),
            lambda: setattr(connection, "row_factory", wrong),
        ):
            with pytest.raises(ValueError, match="^row(_factory)? = "):
                call()
    assert users.fetch_val("SELECT count(*) FROM users") == 2


def test_classes_are_not_kept_alive_and_each_is_looked_at_anew(db: PooledDatabase) -> None:
    ends = []
    for number in range(50):
        made = dataclasses.make_dataclass("Made", ["id"] if number % 2 else ["name"])
        sql = "SELECT 1 AS id" if number % 2 else "SELECT 1 AS name"
        assert db.execute(sql, row=made) == [made(1)]
        ends.append(weakref.ref(made))
        del made
    gc.collect()
    assert [it() for it in ends] == [None] * 50


def test_a_function_may_be_anything_that_is_called(db: PooledDatabase) -> None:
    class Maker:
        def __call__(self, id: int, **others: Any) -> Any:  # noqa: A002
            return id, others

    assert db.execute("SELECT 1 AS id, 2 AS x", row=Maker()) == [(1, {"x": 2})]
    assert db.execute("SELECT 1 AS id, 2 AS x", row=Maker().__call__) == [(1, {"x": 2})]
    assert db.execute("SELECT 1 AS id", row=functools.partial(Hand, name="a", age=2))[0].id == 1
    wide = "SELECT " + ", ".join(f"{number} AS c{number}" for number in range(40))
    assert db.fetch_one(wide, row=lambda **columns: list(columns.values())) == list(range(40))
    with pytest.raises(pycopg.ProgrammingError, match="it has no field 'y'"):
        db.execute("SELECT 1 AS y", row=lambda x=0: x)
    assert inspect.isfunction(rows.scalar)


class Abstract(abc.ABC):
    @abc.abstractmethod
    def act(self) -> None: ...


def test_an_abstract_dataclass_makes_no_rows(db: PooledDatabase) -> None:
    kind: Any = dataclasses.dataclass(type("AbstractRow", (Abstract,), {"__annotations__": {"id": int}}))
    with pytest.raises(TypeError, match="abstract"):
        db.fetch_one("SELECT 1 AS id", row=kind)


def test_rows_of_a_statement_that_fails_while_they_are_read_leave_nothing(db: PooledDatabase) -> None:
    """A value that Python has none for, in the middle: the rows before it are dropped, and the collector goes on."""
    sql = "SELECT n AS id, CASE WHEN n = 5000 THEN 'infinity' ELSE '2024-01-01' END::date AS name, 1 AS age " + (
        "FROM generate_series(1, 10000) AS n"
    )
    for kind in (Plain, Point, tuple, dict):
        with pytest.raises(pycopg.DataError, match="column 'name'"):
            db.execute(sql, row=kind)
        assert gc.isenabled()
    gc.disable()
    try:
        assert len(db.execute(QUERY, row=tuple)) == 3
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_many_rows_while_the_collector_is_busy(db: PooledDatabase) -> None:
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        made = db.execute("SELECT n AS id, 'a' AS name, NULL AS age FROM generate_series(1, 2000) AS n", row=Plain)
        assert [it.id for it in made] == list(range(1, 2001))
        assert len(db.execute("SELECT n FROM generate_series(1, 2000) AS n", row=rows.namedtuple)) == 2000
    finally:
        gc.set_threshold(*before)


def test_many_names_of_columns_are_told_apart(db: PooledDatabase) -> None:
    for first in [*range(0, 3000, 100)] * 2:  # more than are remembered
        names = [f"c{number}" for number in range(first, first + 100)]
        row = db.fetch_one("SELECT " + ", ".join(f"{number} AS {name}" for number, name in enumerate(names)))
        assert row == {name: number for number, name in enumerate(names)}
