"""How the package is used, for the type checker: tests/python/test_typing.py runs mypy --strict on it."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional, Union

import pydantic
from typing_extensions import assert_type

import pycopg
from pycopg import AsyncPooledDatabase, Config, Connection, Cursor, Json, PooledDatabase, Range
from pycopg.rows import args, namedtuple, scalar
from pycopg.sql import SQL, Identifier
from pycopg.types import Hstore, Interval, Multirange


@dataclasses.dataclass
class User:
    id: int
    name: str


class Point(NamedTuple):
    x: int
    y: int


class Model(pydantic.BaseModel):
    id: int


def shaped(db: PooledDatabase, conn: Connection) -> None:
    one: User | None = db.fetch_one("SELECT * FROM users", row=User)
    assert_type(db.fetch_one("SELECT * FROM users", row=User), Optional[User])
    assert_type(db.fetch_all("SELECT * FROM users", [1], row=User, timeout=1), list[User])
    assert_type(db.execute("SELECT * FROM users", row=Point), list[Point])
    assert_type(db.execute("SELECT * FROM users", row=Model), list[Model])
    assert_type(db.fetch_one("SELECT * FROM users", row=dict), Optional[dict[str, Any]])
    assert_type(db.execute_all(["SELECT 1", ("SELECT %s", [1])]), list[pycopg.Answer[Any]])
    assert_type(conn.execute_all(["SELECT * FROM users"], row=User), list[pycopg.Answer[User]])
    assert_type(conn.execute_all([("SELECT 1", None)], row=dict), list[pycopg.Answer[dict[str, Any]]])
    assert_type(db.execute_many("INSERT", [[1]]), int)
    assert_type(db.execute_many("INSERT", [[1]], returning=User), list[User])
    assert_type(conn.execute_many("INSERT", [[1]], returning=dict, timeout=1), list[dict[str, Any]])
    assert_type(conn.execute_many("INSERT", [[1]], returning=True), list[Any])
    assert_type(db.execute_all(["SELECT 1"], row=User)[0].first, Optional[User])
    each = db.execute_all([(SQL("SELECT 1"), {"a": 1})], transaction=False, row=User)
    assert_type(each, list[Union[pycopg.Answer[User], pycopg.Error]])
    pair: tuple[Any, ...] | None = db.fetch_one("SELECT * FROM users", row=tuple)
    assert_type(db.fetch_one("SELECT * FROM users"), Optional[Any])
    assert_type(conn.fetch_one("SELECT * FROM users", row=args(Point)), Optional[Point])
    assert_type(conn.fetch_all("SELECT * FROM users", row=lambda **columns: len(columns)), list[int])
    ids: list[int] = db.execute("SELECT id FROM users", row=scalar)
    print(one.name if one else "", ids, pair, conn.fetch_all("SELECT 1 AS a", row=namedtuple)[0].a)
    db.execute(SQL("SELECT * FROM {}").format(Identifier("users")), row=User)
    PooledDatabase(db.config, row_factory=User).connection().cursor(row_factory=Point)


def streamed(db: PooledDatabase, conn: Connection) -> None:
    with db.stream("SELECT * FROM users", row=User) as users:
        assert_type(users, pycopg.RowStream[User])
        assert_type(next(users), User)
        assert_type(list(users), list[User])
    for point in conn.stream("SELECT 1 AS x, 2 AS y", size=10, row=Point):
        assert_type(point, Point)
    with conn.stream("SELECT * FROM users", row=dict) as rows:
        assert_type(next(rows), dict[str, Any])
    assert_type(next(conn.stream("SELECT * FROM users", [1])), Any)


class Mood(enum.Enum):
    sad = 1
    ok = 2


class Vector:
    def __init__(self, text: str) -> None:
        self.text = text

    def dump(self) -> str:
        return self.text


def own_types(db: PooledDatabase, conn: Connection) -> None:
    db.types.register("mood", Mood)
    conn.types.register_enum("mood", Mood, {Mood.sad: "sad", Mood.ok: "it's ok"})
    db.types.register_composite("point", Point)
    db.types.register_composite("user_t", User, dumps=lambda user: (user.id, user.name))
    db.types.register("vector", Vector, dumps=Vector.dump, loads=Vector)
    db.types.register("citext")
    db.types.register("numeric", loads=float)
    db.types.register_range("floatrange")
    db.types.register_hstore()
    db.types.json(dumps=json.dumps, loads=json.loads)
    db.types.infinity("max")
    db.types.interval(Interval)
    ranges: Multirange[int] = Multirange([Range(1, 2)])
    assert_type(ranges[0], Range[int])
    db.execute("SELECT %s, %s", [ranges, Hstore(a=None)])


async def async_shaped(db: AsyncPooledDatabase) -> None:
    assert_type(await db.fetch_one("SELECT * FROM users", row=User), Optional[User])
    assert_type(await db.execute("SELECT * FROM users", row=User), list[User])
    assert_type(await db.fetch_all("SELECT * FROM users", row=Model), list[Model])
    async with db.connection() as conn:
        assert_type(await conn.fetch_one("SELECT * FROM users", row=User), Optional[User])
        assert_type(await conn.fetch_all("SELECT * FROM users", row=User), list[User])
        await (await conn.execute("SELECT * FROM users", row=User)).fetchone()
        async for user in conn.stream("SELECT * FROM users", row=User):
            assert_type(user, User)
    async with db.stream("SELECT * FROM users", row=User, timeout=1) as users:
        assert_type(users, pycopg.AsyncRowStream[User])
        assert_type([user async for user in users], list[User])
    async with db.stream("SELECT * FROM users") as rows:
        assert_type(await rows.__anext__(), Any)


class Orders(PooledDatabase):
    def open_orders(self) -> int:
        value: int = self.fetch_val("SELECT count(*) FROM orders WHERE open")
        return value


def rows() -> Iterator[tuple[str, int]]:
    yield ("a", 1)


def configure(conn: Connection) -> None:
    conn.execute("SET work_mem = '8MB'")


def credentials() -> dict[str, str]:
    return {"user": "app", "password": "rotated"}


def register(db: PooledDatabase, name: str) -> bool:
    try:
        db.execute("INSERT INTO users (name) VALUES (%s)", [name])
    except pycopg.errors.UniqueViolation as error:
        taken: bool = error.is_unique_violation
        return not taken
    except pycopg.errors.lookup("40001") as error:
        return error.is_retryable
    except pycopg.QueryTimeout:
        return False
    return True


def main() -> None:
    orders: Orders = Orders.from_url("postgresql://app@db/orders", min_size=1, max_size=None, leak_after=5.0)
    orders.open_orders()
    config = Config(host="db", options={"application_name": "app"}, statement_timeout=500)
    PooledDatabase(config, configure=configure, credentials=credentials).close()
    AsyncPooledDatabase(config, configure=configure, credentials=lambda: config)
    with PooledDatabase(config, min_size=1, check=lambda conn: conn.execute("SELECT 1")) as db:
        users: list[dict[str, Any]] = db.execute("SELECT * FROM users WHERE id = ANY(%s)", [[1, 2]])
        user: dict[str, Any] | None = db.fetch_one("SELECT * FROM users WHERE id = %(id)s", {"id": 1})
        count: int = db.execute_many("INSERT INTO users (name, age) VALUES (%s, %s)", rows())
        print(len(users), user, count, db.stats["pool_size"])
        with db.connection(timeout=1.5) as conn, conn.cursor() as cur:
            cur.execute("SELECT %s, %s", (Json({"a": 1}), Range(1, 2))).fetchall()
            describe(cur)
            with conn.transaction():
                conn.execute("DELETE FROM users")
            conn.commit()
        with db.transaction() as conn:
            pid: int = conn.info.backend_pid
            print(pid, conn.info.parameter_status("TimeZone"), conn.autocommit)
        db.resize(min_size=10, max_size=50)
        db.check()
        db.wait(timeout=30.0)
        try:
            db.execute("SELECT 1")
        except pycopg.IntegrityError as error:
            print(error.sqlstate, error.diag.constraint_name)
    with pycopg.connect("postgresql://app@db/orders") as standalone:
        standalone.cursor(row_factory=tuple).executemany("SELECT %s", [[1]])


def describe(cur: Cursor) -> None:
    for column in cur.description or ():
        print(column.name, column.type_code == pycopg.NUMBER)


async def async_main() -> None:
    async with AsyncPooledDatabase.from_env(min_size=5, max_size=20) as db:
        users: list[dict[str, Any]] = await db.execute("SELECT * FROM users")
        print(users, await db.fetch_one("SELECT 1"), await db.fetch_val("SELECT 1"))
        async with db.connection(timeout=1.0) as conn, conn.cursor() as cur:
            await cur.execute("SELECT %s", [1])
            print(await cur.fetchall(), [row async for row in cur], conn.info.backend_pid)
        async with db.transaction() as conn:
            count: int = await conn.execute_many("DELETE FROM users WHERE id = %s", [[1]])
            print(count)
        db.resize(1, 2)
        await db.resize(1, 2)
