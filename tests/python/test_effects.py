"""What a statement has done when its call raises: no write that the server has accepted looks like nothing done."""

from __future__ import annotations

import pickle

import pytest

import pycopg
from conftest import Run
from pycopg import AsyncPooledDatabase, PooledDatabase

WRITE = "INSERT INTO users (name) VALUES (%s) RETURNING 'infinity'::timestamptz AS ever"


def said(error: pycopg.Error) -> tuple[bool, bool]:
    return error.executed, error.committed


def test_a_write_without_returning_gives_none(users: PooledDatabase) -> None:
    assert users.fetch_one("INSERT INTO users (name) VALUES ('one')") is None
    assert users.fetch_val("INSERT INTO users (name) VALUES (%s)", ["two"]) is None
    assert users.fetch_val("SELECT count(*) FROM users WHERE name IN ('one', 'two')") == 2


def test_a_value_of_a_write_that_cannot_be_read_says_that_it_was_committed(users: PooledDatabase) -> None:
    for number, call in enumerate((users.execute, users.fetch_one, users.fetch_val)):
        with pytest.raises(pycopg.DataError, match=r"'ever'.*; the statement \(INSERT 0 1\) was exec") as raised:
            call(WRITE, [f"kept {number}"])
        assert str(raised.value).endswith("was executed and committed")
        assert said(raised.value) == (True, True)
        assert said(pickle.loads(pickle.dumps(raised.value))) == (True, True)
    assert users.fetch_val("SELECT count(*) FROM users WHERE name LIKE 'kept%'") == 3


def test_inside_a_transaction_it_says_that_nothing_is_committed_yet(users: PooledDatabase) -> None:
    still_open = "was executed, and its transaction was still open then"
    with pytest.raises(pycopg.DataError, match=still_open) as raised, users.transaction() as conn:
        conn.execute(WRITE, ["undone"]).fetchall()
    assert said(raised.value) == (True, False)
    assert users.fetch_val("SELECT count(*) FROM users WHERE name = 'undone'") == 0


def test_what_only_reads_is_not_called_executed(users: PooledDatabase) -> None:
    for sql in ("SELECT 'infinity'::timestamptz", "SELECT 'infinity'::timestamptz FROM users WHERE id IN (1)"):
        with pytest.raises(pycopg.DataError, match="[^d]$") as raised:
            users.fetch_val(sql)
        assert said(raised.value) == (False, False)
    with pytest.raises(pycopg.IntegrityError) as refused:
        users.execute("INSERT INTO users (name) SELECT name FROM users")
    assert said(refused.value) == (False, False)


def test_on_an_event_loop(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.fetch_one("INSERT INTO users (name) VALUES ('one')") is None
        for call in (db.execute, db.fetch_one, db.fetch_val):
            with pytest.raises(pycopg.DataError, match="was executed and committed") as raised:
                await call(WRITE, [call.__name__])
            assert said(raised.value) == (True, True)
        with pytest.raises(pycopg.DataError, match="its transaction was still open then") as inside:
            async with db.transaction() as conn:
                await (await conn.execute(WRITE, ["undone"])).fetchall()
        assert said(inside.value) == (True, False)
        assert await db.fetch_val("SELECT count(*) FROM users") == 6

    run(body)


def test_with_a_check_of_the_connections_it_is_the_same(run: Run, users: PooledDatabase) -> None:
    async def accept(conn: pycopg.AsyncConnection) -> None:
        await conn.execute("SELECT 1")

    async def body(db: AsyncPooledDatabase) -> None:
        for call in (db.fetch_one, db.fetch_val):
            assert await call("UPDATE users SET active = true") is None
            with pytest.raises(pycopg.DataError, match="was executed and committed") as raised:
                await call(WRITE, [call.__name__])
            assert said(raised.value) == (True, True)

    run(body, check=accept)
