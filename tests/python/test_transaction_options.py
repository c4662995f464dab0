"""Transactions with isolation, settings and a role, in threads and in tasks."""

from __future__ import annotations

import asyncio
import enum
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pycopg
from conftest import Run, run_on
from pycopg import AsyncPooledDatabase, PooledDatabase

HELD = (
    "SELECT concat_ws(' ', current_setting('transaction_isolation'), current_setting('transaction_read_only'), "
    "current_setting('transaction_deferrable'), current_user, coalesce(current_setting('app.tenant', true), '')) "
    "AS held"
)
PLAIN = "read committed off off postgres "


@pytest.fixture
def role(db: PooledDatabase, schema: str) -> Iterator[str]:
    name = f"{schema}_role"
    db.execute(f"CREATE ROLE {name}; GRANT USAGE ON SCHEMA {schema} TO {name}")
    yield name
    db.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def held(conn: pycopg.Connection) -> Any:
    row: Any = conn.execute(HELD).fetchone()
    return row["held"]


async def held_async(conn: pycopg.AsyncConnection) -> Any:
    row: Any = await (await conn.execute(HELD)).fetchone()
    return row["held"]


def test_options_hold_inside_and_leave_nothing_behind(db: PooledDatabase, role: str) -> None:
    for _ in range(3):
        with db.transaction(
            isolation="serializable", readonly=True, deferrable=True, settings={"app.tenant": 7}, role=role
        ) as conn:
            assert held(conn) == f"serializable on on {role} 7"
        with db.connection() as conn:
            assert held(conn) == PLAIN
            conn.commit()
            with conn.transaction(isolation="repeatable read", settings={"app.tenant": "8"}):
                assert held(conn) == "repeatable read off off postgres 8"
            assert held(conn) == PLAIN


def test_a_savepoint_ends_its_settings_and_its_role_and_refuses_isolation(db: PooledDatabase, role: str) -> None:
    with db.transaction(settings={"app.tenant": "7"}) as conn:
        with conn.transaction(readonly=True, settings={"app.tenant": "8"}, role=role):
            assert held(conn) == f"read committed on off {role} 8"
        assert held(conn) == "read committed off off postgres 7"
        for options in ({"isolation": "serializable"}, {"deferrable": True}, {"resolve_commit": False}):
            with pytest.raises(pycopg.InterfaceError, match="outermost"), conn.transaction(**options):
                raise AssertionError("was entered")
        with pytest.raises(pycopg.Error) as raised, conn.transaction(role="nobody"):
            raise AssertionError("was entered")
        assert raised.value.sqlstate == "22023"
        assert held(conn) == "read committed off off postgres 7"


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"isolation": "snapshot"}, ValueError, "'read uncommitted', 'read committed', 'repeatable read', 'serializable'"),
    ({"isolation": 1}, ValueError, "isolation = 1"),
    ({"readonly": "yes"}, TypeError, "readonly = 'yes'"),
    ({"deferrable": 0}, TypeError, "deferrable = 0"),
    ({"resolve_commit": "yes"}, TypeError, "resolve_commit = 'yes'"),
    ({"settings": [("a.b", "1")]}, TypeError, "it must be a dict"),
    ({"settings": "app.x"}, TypeError, "it must be a dict"),
    ({"settings": {"": "1"}}, ValueError, "empty"),
    ({"settings": {"app.\0": "1"}}, ValueError, "NUL"),
    ({"settings": {"app.x": "\0"}}, ValueError, "NUL"),
    ({"settings": {"app.x": None}}, TypeError, r"settings\['app.x'\] = None"),
    ({"settings": {"app.x": b"1"}}, TypeError, "a str, a number or a bool"),
    ({"settings": {"app.x": "\ud800"}}, TypeError, "settings"),
    ({"settings": {1: "1"}}, TypeError, "a name in settings"),
    ({"role": ""}, ValueError, "role"),
    ({"role": "a\0"}, ValueError, "NUL"),
    ({"role": 7}, TypeError, "role = 7"),
]


@pytest.mark.parametrize(("options", "error", "words"), WRONG, ids=lambda it: ascii(it)[:40])
def test_a_wrong_argument_is_refused_when_it_is_given(
    db: PooledDatabase, server_url: str, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        db.transaction(**options)
    with pytest.raises(error, match=words):
        AsyncPooledDatabase.from_url(server_url).transaction(**options)
    with db.connection() as conn:
        with pytest.raises(error, match=words):
            conn.transaction(**options)
        assert conn.execute("SELECT 1 AS one").fetchone() == {"one": 1}


def test_values_of_settings_are_numbers_and_bools_too(db: PooledDatabase) -> None:
    class Level(enum.IntEnum):
        high = 3

    values = {"app.a": True, "app.b": False, "app.c": 7, "app.d": 1.5, "app.e": Level.high, "app.f": "it's"}
    with db.transaction(settings=values) as conn:
        shown = [conn.execute("SELECT current_setting(%s) AS v", [name]).fetchone() for name in values]
    assert [row["v"] for row in shown if isinstance(row, dict)] == ["on", "off", "7", "1.5", "3", "it's"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"role": "nobody"}, "22023"),
    ({"settings": {"no_such": "1"}}, "42704"),
    ({"settings": {"work_mem": "much"}}, "22023"),
    ({"settings": {"a'b": "1"}}, "42704"),
]


@pytest.mark.parametrize(("options", "sqlstate"), REFUSED)
def test_what_the_server_refuses_is_the_error_of_the_first_statement(
    db: PooledDatabase, options: dict[str, Any], sqlstate: str
) -> None:
    with pytest.raises(pycopg.Error) as raised, db.transaction(**options) as conn:
        conn.execute("SELECT %s::int", [1])
    assert raised.value.sqlstate == sqlstate
    assert db.fetch_val("SELECT 1") == 1
    with db.connection() as conn:
        with pytest.raises(pycopg.Error) as raised, conn.transaction(**options):
            conn.execute("SELECT 1")
        assert raised.value.sqlstate == sqlstate
        assert held(conn) == PLAIN


def test_a_write_where_none_was_wanted_costs_no_connection(make_pool: Callable[..., PooledDatabase]) -> None:
    db = make_pool(min_size=2)
    db.wait()
    db.execute("CREATE TABLE taken (n int)")
    for _ in range(3):
        with pytest.raises(pycopg.Error) as raised, db.transaction(readonly=True) as conn:
            conn.execute("INSERT INTO taken VALUES (1)")
        assert raised.value.sqlstate == "25006"
    assert db.stats["connections_num"] == 2
    assert db.stats["connections_lost"] == 0


def test_options_in_tasks(run: Run, role: str) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        options: dict[str, Any] = {"settings": {"app.tenant": 7}, "role": role}
        async with db.transaction(isolation="serializable", readonly=True, deferrable=True, **options) as conn:
            assert await held_async(conn) == f"serializable on on {role} 7"
        async with db.transaction(**options) as conn:
            async with conn.transaction(readonly=True, settings={"app.tenant": "8"}):
                assert await held_async(conn) == f"read committed on off {role} 8"
            assert await held_async(conn) == f"read committed off off {role} 7"
            with pytest.raises(pycopg.InterfaceError, match="outermost"):
                async with conn.transaction(isolation="serializable"):
                    raise AssertionError("was entered")
            with pytest.raises(pycopg.Error) as raised:
                async with conn.transaction(settings={"app.tenant": "9"}, role="nobody"):
                    raise AssertionError("was entered")
            assert raised.value.sqlstate == "22023"
            assert await held_async(conn) == f"read committed off off {role} 7"
        with pytest.raises(pycopg.Error) as raised:
            async with db.transaction(role="nobody") as conn:
                await conn.execute("SELECT 1")
        assert raised.value.sqlstate == "22023"
        async with db.connection() as conn:
            assert await held_async(conn) == PLAIN
            await conn.commit()
            async with conn.transaction(**options):
                assert await held_async(conn) == f"read committed off off {role} 7"
            assert await held_async(conn) == PLAIN

    run(body, max_size=1)


GUARDED = 100
ROWS_OF_EACH = 3


class Guarded:
    """A hundred tenants under row level security: the setting says whose rows, the role makes that binding."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.wrong: list[str] = []

    def options(self, tenant: int) -> dict[str, Any]:
        return {"settings": {"app.tenant": tenant}, "role": self.role}

    def judge(self, rows: list[Any], tenant: int) -> None:
        if [row["tenant"] for row in rows] != [str(tenant)] * ROWS_OF_EACH:
            self.wrong.append(f"{tenant} has got {rows}")


OUTSIDE = "SELECT current_user || coalesce(current_setting('app.tenant', true), '')"


@pytest.fixture
def guarded(db: PooledDatabase, role: str) -> Guarded:
    db.execute(
        "CREATE TABLE guarded (tenant text, n int);"
        f"INSERT INTO guarded SELECT t, n FROM generate_series(0, {GUARDED - 1}) t,"
        f" generate_series(1, {ROWS_OF_EACH}) n;"
        "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON guarded USING (tenant = current_setting('app.tenant'));"
        f"GRANT ALL ON guarded TO {role}"
    )
    return Guarded(role)


def test_a_hundred_tenants_in_threads_see_not_one_row_of_another(db: PooledDatabase, guarded: Guarded) -> None:
    def work(dice: random.Random) -> None:
        tenant, other, end = dice.randrange(GUARDED), dice.randrange(GUARDED), dice.randrange(6)
        try:
            with db.transaction(**guarded.options(tenant)) as conn:
                for _ in range(1 + dice.randrange(3)):
                    guarded.judge(conn.execute("SELECT * FROM guarded").fetchall(), tenant)
                if dice.randrange(3) == 0:
                    with conn.transaction(settings={"app.tenant": other}):
                        guarded.judge(conn.execute("SELECT * FROM guarded").fetchall(), other)
                    guarded.judge(conn.execute("SELECT * FROM guarded").fetchall(), tenant)
                if end == 0:
                    conn.execute("SELECT 1 / 0")
                if end == 1:
                    raise LookupError
        except (pycopg.DataError, LookupError):
            pass
        if db.fetch_val(OUTSIDE) != "postgres":
            guarded.wrong.append("outside")

    def caller(number: int) -> None:
        dice = random.Random(number)
        try:
            for _ in range(60):
                work(dice)
        except Exception as error:  # any is one too many
            guarded.wrong.append(repr(error))

    threads = [threading.Thread(target=caller, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert guarded.wrong == []


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_hundred_tenants_in_tasks_that_are_cancelled_see_not_one_row_of_another(
    server_url: str, guarded: Guarded, kind: str
) -> None:
    async def work(db: AsyncPooledDatabase, dice: random.Random) -> None:
        tenant, other, end = dice.randrange(GUARDED), dice.randrange(GUARDED), dice.randrange(6)
        try:
            async with db.transaction(**guarded.options(tenant)) as conn:
                for _ in range(1 + dice.randrange(3)):
                    guarded.judge(await (await conn.execute("SELECT * FROM guarded")).fetchall(), tenant)
                if dice.randrange(3) == 0:
                    async with conn.transaction(settings={"app.tenant": other}):
                        guarded.judge(await (await conn.execute("SELECT * FROM guarded")).fetchall(), other)
                    guarded.judge(await (await conn.execute("SELECT * FROM guarded")).fetchall(), tenant)
                if end == 0:
                    await conn.execute("SELECT 1 / 0")
                if end == 1:
                    raise LookupError
                if end == 2:
                    await conn.execute("SELECT pg_sleep(0.01)")
        except (pycopg.DataError, LookupError):
            pass
        if await db.fetch_val(OUTSIDE) != "postgres":
            guarded.wrong.append("outside")

    async def caller(db: AsyncPooledDatabase, number: int) -> None:
        dice = random.Random(number)
        for _ in range(40):
            try:
                # Whatever it is doing then, it ends there.
                await asyncio.wait_for(work(db, dice), dice.choice([0.002, 0.01, 10.0]))
            except asyncio.TimeoutError:
                pass
            except Exception as error:  # any is one too many
                guarded.wrong.append(repr(error))

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, min_size=1, max_size=4) as db:
            await asyncio.gather(*(caller(db, number) for number in range(16)))
            for _ in range(4):
                assert await db.fetch_val(OUTSIDE) == "postgres"

    run_on(kind, main())
    assert guarded.wrong == []
