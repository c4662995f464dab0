"""A schema for each of fifty tenants, and the same texts for all: everybody gets their own rows, and no error."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from conftest import run_on
from pycopg import AsyncPooledDatabase, PooledDatabase

TENANTS = 50
CALLERS = 12
TRANSACTIONS = 60  # of each caller

COLUMNS: list[tuple[str, Any]] = [
    ("int", 7),
    ("text", "x y"),
    ("date", datetime.date(2026, 1, 2)),
    ("timestamp", datetime.datetime(2026, 1, 2, 3, 4, 5)),
    ("numeric(9,3)", decimal.Decimal("7.500")),
]
TEXTS = [
    "SELECT * FROM notes WHERE v = %s",
    "SELECT tenant, v FROM notes AS n WHERE n.v = %s",
    "UPDATE notes SET v = %s RETURNING tenant, v",
]
OUTSIDE = "SELECT * FROM notes WHERE v = %s"


class Tenants:
    def __init__(self, home: str) -> None:
        self.home = home
        self.names = [f"{home}_t{number}" for number in range(TENANTS)]
        self.wrong: list[str] = []

    def making(self) -> str:
        sql = [
            "CREATE TABLE notes (tenant text, v bool); INSERT INTO notes VALUES ('home', true);"
            "CREATE FUNCTION be_in(tenant text) RETURNS text LANGUAGE plpgsql AS "
            "$$ BEGIN RETURN set_config('search_path', tenant, true); END $$"
        ]
        for number, name in enumerate(self.names):
            kind, value = COLUMNS[number % len(COLUMNS)]
            more = "".join(f", c{n} int" for n in range(number % 3))
            sql.append(f"CREATE ROLE {name}; CREATE SCHEMA AUTHORIZATION {name}")
            sql.append(f"CREATE TABLE {name}.notes (tenant text, v {kind}{more})")
            sql.append(f"INSERT INTO {name}.notes VALUES ('{name}', '{value}'); GRANT ALL ON {name}.notes TO {name}")
        return ";".join(sql)

    def unmaking(self) -> str:
        return ";".join(f"DROP SCHEMA {name} CASCADE; DROP ROLE {name}" for name in self.names)

    def going_to(self, name: str, way: int) -> tuple[str, list[Any] | None]:
        ways: list[tuple[str, list[Any] | None]] = [
            (f"SET LOCAL search_path TO {name}", None),
            ("SELECT set_config('search_path', %s, true)", [name]),
            ("SELECT set_config(%s, %s, true)", ["search_path", name]),
            (f"SET LOCAL ROLE {name}", None),
            ("SELECT set_config('role', %s, true)", [name]),
            ("SELECT be_in(%s)", [name]),
            (f"SET search_path TO {name}", None),  # wiped behind it
        ]
        return ways[way % len(ways)]

    def judge(self, name: str, value: Any, rows: list[Any]) -> None:
        if [(row["tenant"], row["v"]) for row in rows] != [(name, value)]:
            self.wrong.append(f"{name} with {value} has got {rows}")


@pytest.fixture
def tenants(
    make_pool: Callable[..., PooledDatabase], schema: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tenants]:
    monkeypatch.setenv("PGOPTIONS", f'-c search_path="$user",{schema}')
    made = Tenants(schema)
    with make_pool() as admin:
        admin.execute(made.making())
        yield made
        admin.execute(made.unmaking())


def test_a_storm_of_fifty_tenants_in_threads_gives_each_its_own_rows_and_no_error(
    tenants: Tenants, make_pool: Callable[..., PooledDatabase]
) -> None:
    db = make_pool()

    def work(dice: random.Random) -> None:
        number = dice.randrange(TENANTS)
        name, value = tenants.names[number], COLUMNS[number % len(COLUMNS)][1]
        going = tenants.going_to(name, dice.randrange(100))
        with db.connection() as conn:
            if dice.randrange(2):
                tenants.judge("home", True, conn.execute(OUTSIDE, [True]).fetchall())
            conn.execute(*going)
            for _ in range(1 + dice.randrange(4)):
                tenants.judge(name, value, conn.execute(dice.choice(TEXTS), [value]).fetchall())
            with conn.transaction():
                tenants.judge(name, value, conn.execute(dice.choice(TEXTS), [value]).fetchall())
            if going[0].startswith("SET search_path"):
                return
            conn.commit()
            tenants.judge("home", True, conn.execute(OUTSIDE, [True]).fetchall())

    def caller(number: int) -> None:
        dice = random.Random(number)
        for _ in range(TRANSACTIONS):
            try:
                work(dice)
                tenants.judge("home", True, db.execute(OUTSIDE, [True]))
            except Exception as error:  # any is one too many
                tenants.wrong.append(repr(error))

    threads = [threading.Thread(target=caller, args=[number]) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tenants.wrong == []


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_storm_of_fifty_tenants_in_tasks_gives_each_its_own_rows_and_no_error(
    tenants: Tenants, server_url: str, kind: str
) -> None:
    async def work(db: AsyncPooledDatabase, dice: random.Random) -> None:
        number = dice.randrange(TENANTS)
        name, value = tenants.names[number], COLUMNS[number % len(COLUMNS)][1]
        going = tenants.going_to(name, dice.randrange(100))
        async with db.connection() as conn:
            if dice.randrange(2):
                tenants.judge("home", True, await (await conn.execute(OUTSIDE, [True])).fetchall())
            await conn.execute(*going)
            for _ in range(1 + dice.randrange(4)):
                tenants.judge(name, value, await (await conn.execute(dice.choice(TEXTS), [value])).fetchall())
            async with conn.transaction():
                tenants.judge(name, value, await (await conn.execute(dice.choice(TEXTS), [value])).fetchall())
            if going[0].startswith("SET search_path"):
                return
            await conn.commit()
            tenants.judge("home", True, await (await conn.execute(OUTSIDE, [True])).fetchall())

    async def caller(db: AsyncPooledDatabase, number: int) -> None:
        dice = random.Random(number)
        for _ in range(TRANSACTIONS):
            try:
                await work(db, dice)
                tenants.judge("home", True, await db.execute(OUTSIDE, [True]))
            except Exception as error:  # any is one too many
                tenants.wrong.append(repr(error))

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, min_size=1, max_size=4) as db:
            await asyncio.gather(*(caller(db, number) for number in range(CALLERS)))

    run_on(kind, main())
    assert tenants.wrong == []
