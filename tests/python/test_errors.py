"""What an error says: its class, its text, its parts, and its questions."""

from __future__ import annotations

import copy
import logging
import pathlib
import pickle
import re
import subprocess
import sys
from collections.abc import Callable

import psycopg
import psycopg_pool
import pytest

import pycopg
from conftest import Run, eventually
from pycopg import AsyncPooledDatabase, PooledDatabase, _conditions

MakePool = Callable[..., PooledDatabase]
ROOT = pathlib.Path(__file__).parents[2]
ALL = sorted(cls.sqlstate for cls in vars(_conditions).values() if getattr(cls, "sqlstate", None))


# --- classes


def test_the_classes_are_made_from_postgresqls_table() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "sqlstates"), "--check"], check=False)
    assert done.returncode == 0, "run scripts/sqlstates"


def test_the_classes_are_psycopgs_by_name_and_pep_249() -> None:
    theirs = {
        cls.sqlstate: cls for cls in vars(psycopg.errors).values() if isinstance(getattr(cls, "sqlstate", None), str)
    }
    assert set(theirs) <= set(ALL)
    for sqlstate in ALL:
        ours = pycopg.errors.lookup(sqlstate)
        assert ours.sqlstate == sqlstate
        assert getattr(pycopg.errors, ours.__name__) is ours
        if sqlstate in theirs:
            assert ours.__name__ == theirs[sqlstate].__name__
            assert ours.__bases__[0].__name__ == theirs[sqlstate].__bases__[0].__name__, sqlstate
    assert len(theirs) > 250


def test_a_class_is_looked_up_by_sqlstate_or_condition() -> None:
    assert pycopg.errors.lookup("23505") is pycopg.errors.UniqueViolation
    assert pycopg.errors.lookup("40p01") is pycopg.errors.DeadlockDetected
    assert pycopg.errors.lookup("unique_violation") is pycopg.errors.UniqueViolation
    assert pycopg.errors.lookup("UNDEFINED_TABLE") is pycopg.errors.UndefinedTable
    for unknown in ("99999", "", "23"):
        with pytest.raises(KeyError):
            pycopg.errors.lookup(unknown)


def test_every_sqlstate_is_raised_as_its_class(db: PooledDatabase) -> None:
    with db.connection() as conn:
        for sqlstate in ALL:
            # An error of this severity closes no connection, whatever its SQLSTATE.
            with pytest.raises(pycopg.DatabaseError) as raised, conn.transaction():
                conn.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$")
            assert type(raised.value) is pycopg.errors.lookup(sqlstate), sqlstate
            assert raised.value.sqlstate == sqlstate


def test_a_sqlstate_of_nobodys_is_raised_as_its_class_of_pep_249(db: PooledDatabase) -> None:
    for sqlstate, expected in (("23999", pycopg.IntegrityError), ("A1234", pycopg.DatabaseError)):
        with pytest.raises(pycopg.DatabaseError) as raised:
            db.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$")
        assert type(raised.value) is expected


def test_the_last_words_of_a_lost_connection_have_their_class(db: PooledDatabase) -> None:
    with pytest.raises(pycopg.errors.AdminShutdown) as raised:
        db.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert isinstance(raised.value, pycopg.OperationalError)
    assert raised.value.is_admin_shutdown


def test_an_error_by_sqlstate_can_be_pickled_and_copied(db: PooledDatabase) -> None:
    with pytest.raises(pycopg.errors.UndefinedColumn) as raised:
        db.execute("SELECT nme FROM pg_class")
    for again in (pickle.loads(pickle.dumps(raised.value)), copy.deepcopy(raised.value)):
        assert type(again) is pycopg.errors.UndefinedColumn
        assert (str(again), again.query, again.diag) == (str(raised.value), raised.value.query, raised.value.diag)


# --- questions


def test_errors_answer_what_c_plus_plus_asks() -> None:
    header = (ROOT / "include" / "copg" / "sqlstate.hpp").read_text()
    asked = set(re.findall(r"constexpr bool (is_\w+)\(SqlState s\)", header))
    assert len(asked) > 25
    assert {name for name in dir(pycopg.DatabaseError) if name.startswith("is_")} == asked


def test_errors_answer_by_their_sqlstate(db: PooledDatabase) -> None:
    def raised_by(sql: str) -> pycopg.DatabaseError:
        with pytest.raises(pycopg.DatabaseError) as raised:
            db.execute(sql)
        return raised.value

    def with_code(sqlstate: str) -> pycopg.DatabaseError:
        return raised_by(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$")

    def answers(error: pycopg.DatabaseError) -> set[str]:
        return {name for name in dir(error) if name.startswith("is_") and getattr(error, name)}

    assert answers(with_code("23505")) == {"is_unique_violation", "is_integrity_violation"}
    assert answers(with_code("40001")) == {"is_serialization_failure", "is_retryable"}
    assert answers(with_code("40P01")) == {"is_deadlock", "is_retryable"}
    assert answers(with_code("57P02")) == {"is_connection_exception"}
    assert answers(with_code("53300")) == {"is_too_many_connections", "is_insufficient_resources"}
    assert answers(raised_by("SELEC")) == {"is_syntax_error"}
    assert answers(raised_by("SELECT * FROM nowhere")) == {"is_undefined_table"}
    assert answers(pycopg.PoolTimeout("no")) == set()


# --- times


def test_a_late_answer_is_no_pool_timeout(make_pool: MakePool, run: Run) -> None:
    def look_at(error: pycopg.QueryTimeout) -> None:
        assert isinstance(error, pycopg.OperationalError)
        assert not isinstance(error, (pycopg.PoolTimeout, psycopg_pool.PoolTimeout))
        words = r"pool 'orders' had no answer from the server within 0\.\d+ s: "
        words += r"0\.\d+ s in the queue, 0\.\d+ s connecting, 0\.\d+ s waiting for the server \(.*\n"
        words += r"STATEMENT: SELECT pg_sleep\(60\)$"
        assert re.match(words, str(error)), str(error)
        assert error.query == "SELECT\n\tpg_sleep(60)"
        assert type(pickle.loads(pickle.dumps(error))) is pycopg.QueryTimeout

    db = make_pool(max_size=1, timeout=0.2, name="orders")
    db.wait()
    with pytest.raises(pycopg.QueryTimeout) as raised:
        db.execute("SELECT\n\tpg_sleep(60)")
    look_at(raised.value)
    eventually(lambda: db.stats["pool_available"] == 1)
    with pytest.raises(pycopg.QueryTimeout), db.connection() as conn:
        conn.execute_many("SELECT pg_sleep(%s)", [(60,)])

    async def body(adb: AsyncPooledDatabase) -> None:
        with pytest.raises(pycopg.QueryTimeout) as raised:
            await adb.execute("SELECT\n\tpg_sleep(60)")
        look_at(raised.value)

    run(body, timeout=0.2, name="orders")


# --- names


def test_whatever_is_said_of_a_pool_names_it(
    make_pool: MakePool, run: Run, caplog: pytest.LogCaptureFixture, server_url: str
) -> None:
    def configure(conn: pycopg.Connection) -> None:
        raise LookupError("no")

    caplog.set_level(logging.WARNING, "pycopg")
    db = make_pool(name="reports", max_size=1, leak_after=0.05)
    assert repr(db).startswith("PooledDatabase('reports', size=")
    with db.connection() as conn:
        eventually(lambda: "been leased for" in caplog.text)
        with pytest.raises(LookupError), conn.transaction():  # noqa: PT012
            conn.close()
            raise LookupError
    left = db.connection()
    left.__enter__()
    with pytest.warns(ResourceWarning, match="never given back to pool 'reports'"):
        del left
    db.close()
    with pytest.raises(pycopg.PoolClosed, match="^pool 'reports' is closed$"):
        db.execute("SELECT 1")
    with pytest.raises(pycopg.PoolClosed, match="^pool 'reports' was closed"):
        db.open()
    unopened = PooledDatabase(pycopg.Config.from_url(server_url), name="later", open=False)
    with pytest.raises(pycopg.PoolClosed, match="^pool 'later' is not open yet"):
        unopened.execute("SELECT 1")
    broken = make_pool(name="broken", min_size=1, configure=configure)
    eventually(lambda: "configure of PooledDatabase('broken'" in caplog.text)
    broken.close(0)
    for record in caplog.records:
        assert "'reports'" in record.getMessage() or "'broken'" in record.getMessage()

    async def body(adb: AsyncPooledDatabase) -> None:
        assert repr(adb).startswith("AsyncPooledDatabase('reports', size=")
        left = adb.connection()
        await left.__aenter__()
        with pytest.warns(ResourceWarning, match="never given back to pool 'reports'"):
            del left
        await adb.close(0)
        with pytest.raises(pycopg.PoolClosed, match="^pool 'reports' is closed$"):
            await adb.execute("SELECT 1")

    run(body, name="reports", max_size=1)


# --- texts


def test_the_text_points_at_the_place(db: PooledDatabase) -> None:
    with pytest.raises(pycopg.errors.UndefinedColumn) as raised:
        db.execute("SELECT relname\nFROM pg_class\nWHERE relnamespce = 'x'")
    assert str(raised.value) == (
        'column "relnamespce" does not exist\n'
        "LINE 3: WHERE relnamespce = 'x'\n"
        "              ^\n"
        'HINT: Perhaps you meant to reference the column "pg_class.relnamespace".'
    )


def test_the_text_has_the_context_of_a_function(db: PooledDatabase) -> None:
    with pytest.raises(pycopg.errors.DivisionByZero) as raised:
        db.execute("DO $$ BEGIN PERFORM 1/0; END $$")
    assert str(raised.value) == (
        "division by zero\n"
        'CONTEXT: SQL statement "SELECT 1/0"\n'
        "PL/pgSQL function inline_code_block line 1 at PERFORM\n"
        "STATEMENT: DO $$ BEGIN PERFORM 1/0; END $$"
    )
    with pytest.raises(pycopg.errors.UndefinedColumn) as inside:
        db.execute("DO $$ BEGIN PERFORM nme FROM pg_class; END $$")
    assert inside.value.diag.internal_query == "SELECT nme FROM pg_class"
    assert inside.value.diag.internal_position == 8
    assert "\nQUERY: SELECT nme FROM pg_class\nCONTEXT: " in str(inside.value)
