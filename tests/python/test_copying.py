"""What holds a connection can't be copied or pickled; what holds values can."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import pycopg
from conftest import Run, eventually_async, idle
from pycopg import AsyncPooledDatabase, PooledDatabase

COPIES = pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy, pickle.dumps], ids=lambda f: f.__name__)


def refuses(make_copy: Callable[[Any], object], thing: object, what: str) -> None:
    with pytest.raises(TypeError, match=f"{type(thing).__name__}: a {what} can't be copied"):
        make_copy(thing)


@COPIES
def test_of_a_pool_for_threads(db: PooledDatabase, make_copy: Callable[[Any], object]) -> None:
    refuses(make_copy, db, "pool")
    refuses(make_copy, db.transaction(), "lease")
    with db.connection() as conn, conn.transaction() as transaction:
        cursor = conn.execute("SELECT 1 AS a")
        for thing in (conn, transaction, cursor, conn.info):
            refuses(make_copy, thing, "lease")
        assert cursor.fetchone() == {"a": 1}
    assert db.stats["pool_available"] == db.stats["pool_size"]


@COPIES
def test_of_a_pool_for_asyncio(run: Run, make_copy: Callable[[Any], object]) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        refuses(make_copy, db, "pool")
        refuses(make_copy, db.transaction(), "lease")
        async with db.connection() as conn, conn.transaction() as transaction:
            cursor = await conn.execute("SELECT 1 AS a")
            for thing in (conn, transaction, cursor, conn.info):
                refuses(make_copy, thing, "lease")
            assert await cursor.fetchone() == {"a": 1}
        await eventually_async(lambda: idle(db))

    run(body)


def test_values_are_copied(db: PooledDatabase) -> None:
    with db.connection() as conn:
        cursor = conn.execute("SELECT 1 AS a")
        description = cursor.description
        (row,) = cursor.fetchall()
    config = pycopg.Config.from_url("postgresql://ada@localhost/things")
    for value in (row, description, config, pycopg.Range(1, 2), pycopg.Jsonb([1])):
        for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
            assert repr(again) == repr(value)
    with pytest.raises(pycopg.ProgrammingError) as raised:
        db.execute("nonsense")
    for error in (copy.copy(raised.value), copy.deepcopy(raised.value), pickle.loads(pickle.dumps(raised.value))):
        assert (type(error), str(error), error.diag) == (type(raised.value), str(raised.value), raised.value.diag)
