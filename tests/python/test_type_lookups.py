"""When the names of a program's own types are looked up, by whom, and what happens if that fails."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import gc
import logging
import threading
import weakref
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import pycopg
from own_types import TYPES, Face, Level, Money, Mood, Threads, Vector, face_with_types, faces  # noqa: F401  (fixtures)
from pycopg import AsyncPooledDatabase, PooledDatabase, ProgrammingError


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
