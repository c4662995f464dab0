"""The types of a program that the tests register, and the verbs of both faces behind one interface."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from pycopg import AsyncPooledDatabase, PooledDatabase


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


@pytest.fixture(name="make_face", params=[Threads, Asyncio])
def faces(request: pytest.FixtureRequest, server_url: str, schema: str) -> Iterator[Callable[..., Face]]:
    opened: list[Face] = []

    def make(**options: Any) -> Face:
        opened.append(request.param(server_url, **options))
        return opened[-1]

    yield make
    for face in opened:
        face.close()


@pytest.fixture(name="face")
def face_with_types(make_face: Callable[..., Face]) -> Face:
    face = make_face()
    face.do("execute", TYPES)
    return face
