"""Leased connections, cursors (PEP 249) and transactions."""

from __future__ import annotations

import datetime
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

import pycopg
from conftest import Run, eventually
from pycopg import AsyncPooledDatabase, PooledDatabase, TransactionStatus

MakePool = Callable[..., PooledDatabase]


def count(db: PooledDatabase) -> int:
    value = db.fetch_val("SELECT count(*) FROM users")
    assert isinstance(value, int)
    return value


def test_leaving_the_block_commits(users: PooledDatabase) -> None:
    with users.connection() as conn:
        conn.execute("INSERT INTO users (name) VALUES ('Edsger')")
        assert count(users) == 2, "nobody else sees it yet"
    assert count(users) == 3


def test_fetch_verbs_of_a_connection_are_those_of_the_pool(users: PooledDatabase) -> None:
    with users.connection() as conn:
        assert conn.fetch_all("SELECT name FROM users ORDER BY id") == [{"name": "Ada"}, {"name": "Grace"}]
        assert conn.fetch_one("SELECT name FROM users WHERE id = %s", [2]) == {"name": "Grace"}
        assert conn.fetch_val("SELECT count(*) FROM users") == 2
        assert conn.fetch_all("UPDATE users SET active = true") == []
        assert conn.fetch_one("SELECT 1 WHERE false") is None
        assert conn.fetch_val("UPDATE users SET active = true") is None
    assert users.fetch_all("SELECT name FROM users WHERE id = 1") == [{"name": "Ada"}]


def test_a_fetch_verb_of_a_connection_takes_a_timeout(make_pool: MakePool) -> None:
    with make_pool(autocommit=True).connection() as conn, pytest.raises(pycopg.QueryTimeout):
        conn.fetch_val("SELECT pg_sleep(10)", timeout=0.05)


def test_fetch_verbs_of_a_tasks_connection_are_those_of_the_pool(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            assert await conn.fetch_all("SELECT name FROM users ORDER BY id") == [{"name": "Ada"}, {"name": "Grace"}]
            assert await conn.fetch_one("SELECT name FROM users WHERE id = %s", [2]) == {"name": "Grace"}
            assert await conn.fetch_val("SELECT count(*) FROM users") == 2
            assert await conn.fetch_one("SELECT 1 WHERE false") is None
        assert await db.fetch_all("SELECT name FROM users WHERE id = 1") == [{"name": "Ada"}]

    run(body)


def test_leaving_with_an_exception_rolls_back(users: PooledDatabase) -> None:
    with pytest.raises(LookupError), users.connection() as conn:  # noqa: PT012
        conn.execute("INSERT INTO users (name) VALUES ('Edsger')")
        raise LookupError
    assert count(users) == 2
    assert conn.closed


def test_commit_and_rollback_inside(users: PooledDatabase) -> None:
    with users.connection() as conn:
        assert conn.info.transaction_status is TransactionStatus.IDLE
        conn.execute("INSERT INTO users (name) VALUES ('Edsger')")
        assert conn.info.transaction_status is TransactionStatus.INTRANS
        conn.commit()
        assert conn.info.transaction_status is TransactionStatus.IDLE
        assert count(users) == 3
        conn.execute("DELETE FROM users")
        conn.rollback()
        conn.rollback()
    assert count(users) == 3


def test_a_failed_transaction_is_not_passed_off_as_committed(users: PooledDatabase) -> None:
    with pytest.raises(pycopg.InternalError, match="rolled back, not committed"), users.connection() as conn:  # noqa: PT012
        conn.execute("INSERT INTO users (name) VALUES ('Edsger')")
        with pytest.raises(pycopg.ProgrammingError):
            conn.execute("nonsense")
        assert conn.info.transaction_status is TransactionStatus.INERROR
    assert count(users) == 2


def test_after_the_block_the_handle_is_dead(users: PooledDatabase) -> None:
    with users.connection() as conn:
        cursor = conn.execute("SELECT name FROM users ORDER BY id")
    for use in (
        lambda: conn.execute("SELECT 1"),
        lambda: conn.cursor().execute("SELECT 1"),
        conn.commit,
        conn.rollback,
        lambda: conn.info.backend_pid,
        lambda: conn.info.transaction_status,
        lambda: conn.transaction().__enter__(),
        lambda: conn.__enter__(),
        lambda: conn.execute_many("SELECT %s", [[1]]),
    ):
        with pytest.raises(pycopg.InterfaceError):
            use()
    conn.close()
    assert conn.closed
    assert repr(conn) == "<pycopg.Connection closed>"
    assert cursor.fetchall() == [{"name": "Ada"}, {"name": "Grace"}], "rows need no connection"


def test_a_connection_is_not_usable_before_the_block(db: PooledDatabase) -> None:
    conn = db.connection()
    with pytest.raises(pycopg.InterfaceError, match="with statement"):
        conn.execute("SELECT 1")
    with pytest.raises(ValueError, match="timeout = -1"):
        db.connection(timeout=-1)


def test_a_forgotten_connection_is_given_back_with_a_warning(make_pool: MakePool) -> None:
    db = make_pool(max_size=1)
    conn = db.connection().__enter__()
    gc.collect()
    assert conn.execute("SELECT 1 AS a").fetchone() == {"a": 1}, "it is held as long as somebody has it"
    with pytest.warns(ResourceWarning, match=r"never given back .*test_connection\.py:\d+"):
        del conn
    assert db.fetch_val("SELECT 1") == 1


def test_close_inside_discards_the_connection(users: PooledDatabase) -> None:
    with users.connection() as conn:
        pid = conn.info.backend_pid
        conn.execute("INSERT INTO users (name) VALUES ('Edsger')")
        conn.close()
        conn.close()
    eventually(lambda: users.fetch_val("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid]) == 0)
    assert count(users) == 2


def test_a_server_that_died_in_the_body_does_not_hide_the_exception(users: PooledDatabase) -> None:
    with pytest.raises(LookupError), users.connection() as conn:  # noqa: PT012
        conn.execute("SELECT 1")
        users.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
        raise LookupError
    with pytest.raises(pycopg.OperationalError) as raised, users.connection() as conn:  # noqa: PT012
        pid = conn.execute("SELECT pg_backend_pid() AS pid").fetchone()["pid"]
        users.execute("SELECT pg_terminate_backend(%s)", [pid])
        eventually(lambda: users.fetch_val("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid]) == 0)
        conn.execute("SELECT 1")
    assert raised.value.sqlstate in ("57P01", None)
    assert count(users) == 2


def test_commits_that_were_never_answered_are_their_own_error(users: PooledDatabase) -> None:
    with pytest.raises(pycopg.OperationalError), users.connection() as conn:  # noqa: PT012
        conn.execute("INSERT INTO users (name) VALUES ('Edsger')")
        users.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
        eventually(
            lambda: (
                users.fetch_val("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [conn.info.backend_pid]) == 0
            )
        )
    assert issubclass(pycopg.CommitUnknown, pycopg.OperationalError)
    assert count(users) == 2


def test_the_next_one_gets_a_clean_session(make_pool: MakePool) -> None:
    db = make_pool(max_size=1)
    with db.connection() as conn:
        conn.execute("SET timezone = 'Asia/Tokyo'")
        conn.execute("CREATE TEMP TABLE scratch (a int)")
    with db.connection() as conn:
        assert conn.info.parameter_status("TimeZone") != "Asia/Tokyo"
        assert conn.info.parameter_status("no such thing") is None
        with pytest.raises(pycopg.ProgrammingError, match="scratch"):
            conn.execute("SELECT * FROM scratch")
        conn.rollback()


def test_autocommit(users: PooledDatabase, make_pool: MakePool) -> None:
    with users.connection() as conn:
        conn.autocommit = True
        conn.execute("INSERT INTO users (name) VALUES ('Edsger')")
        assert count(users) == 3
        conn.autocommit = False
        conn.execute("SELECT 1")
        with pytest.raises(pycopg.ProgrammingError, match="inside a transaction"):
            conn.autocommit = True
    with make_pool(autocommit=True).connection() as conn:
        assert conn.autocommit
        conn.execute("SELECT 1")
        assert conn.info.transaction_status is TransactionStatus.IDLE
        with conn.transaction():
            conn.execute("SELECT 1")
            assert conn.info.transaction_status is TransactionStatus.INTRANS


def test_transactions_nest_as_savepoints(users: PooledDatabase) -> None:
    with users.connection() as conn:
        with conn.transaction():
            conn.execute("INSERT INTO users (name) VALUES ('kept')")
            with pytest.raises(LookupError), conn.transaction():  # noqa: PT012
                conn.execute("INSERT INTO users (name) VALUES ('dropped')")
                raise LookupError
            with pytest.raises(pycopg.IntegrityError), conn.transaction():  # noqa: PT012
                conn.execute("INSERT INTO users (name) VALUES ('dropped too')")
                conn.execute("INSERT INTO users (name) VALUES ('kept')")
            with conn.transaction():
                conn.execute("INSERT INTO users (name) VALUES ('also kept')")
        assert conn.info.transaction_status is TransactionStatus.IDLE
    names = [row["name"] for row in users.execute("SELECT name FROM users WHERE id > 2 ORDER BY id")]
    assert names == ["kept", "also kept"]


def test_commit_is_forbidden_inside_a_transaction_block(users: PooledDatabase) -> None:
    with users.connection() as conn, conn.transaction():
        for call in (conn.commit, conn.rollback):
            with pytest.raises(pycopg.ProgrammingError, match="leave the block"):
                call()
    with users.connection() as conn:
        outer, inner = conn.transaction(), conn.transaction()
        outer.__enter__()
        inner.__enter__()
        with pytest.raises(pycopg.ProgrammingError, match="was never left"):
            outer.__exit__(None, None, None)
        for ended in (inner, outer):
            with pytest.raises(pycopg.ProgrammingError, match="has ended already"):
                ended.__exit__(None, None, None)


def test_a_transaction_of_the_pool(users: PooledDatabase) -> None:
    with users.transaction() as conn:
        conn.execute("INSERT INTO users (name) VALUES (%s)", ["Alice"])
        conn.execute("UPDATE stats SET count = count + 1")
    assert conn.closed
    assert (count(users), users.fetch_val("SELECT count FROM stats")) == (3, 1)
    with pytest.raises(LookupError), users.transaction() as conn:  # noqa: PT012
        conn.execute("UPDATE stats SET count = count + 1")
        raise LookupError
    with users.transaction():
        pass
    with users.transaction() as conn:
        conn.close()
    assert users.fetch_val("SELECT count FROM stats") == 1
    eventually(lambda: users.stats["pool_available"] == users.stats["pool_size"])


def test_a_deferred_constraint_fails_the_block_and_gives_the_connection_back(make_pool: MakePool) -> None:
    db = make_pool(max_size=1)
    db.execute("CREATE TABLE d (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    for context in (db.connection, db.transaction):
        with pytest.raises(pycopg.IntegrityError), context() as conn:
            conn.execute_many("INSERT INTO d VALUES (%s)", [[1], [1]])
        assert db.fetch_val("SELECT count(*) FROM d") == 0


def test_threads_that_share_a_connection_take_turns(db: PooledDatabase) -> None:
    wrong: list[object] = []
    with db.connection() as conn:

        def work(number: int) -> None:
            for i in range(100):
                row = conn.execute("SELECT %s::int AS a", [number * 1000 + i]).fetchone()
                if row != {"a": number * 1000 + i}:
                    wrong.append(row)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_code_that_runs_inside_a_call_cannot_use_its_connection(users: PooledDatabase) -> None:
    def names(conn: pycopg.Connection) -> Iterator[list[str]]:
        for number in range(5000):
            conn.execute("SELECT 1")
            yield [str(number)]

    with pytest.raises(pycopg.InterfaceError, match="inside a call"), users.connection() as conn:
        conn.execute_many("INSERT INTO users (name) VALUES (%s)", names(conn))
    assert count(users) == 2


def test_a_statement_that_was_given_up_in_a_transaction_is_no_failed_rollback(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    db = make_pool(max_size=1, timeout=0.1)
    with pytest.raises(pycopg.QueryTimeout), db.connection() as conn, conn.transaction(), conn.transaction():
        conn.execute("SELECT pg_sleep(100)")
    assert not caplog.records
    eventually(lambda: db.stats["pool_available"] == 1)
    assert db.fetch_val("SELECT 1") == 1


def test_its_repr_never_raises(db: PooledDatabase) -> None:
    with pytest.raises(pycopg.PoolClosed), db.connection() as conn:  # noqa: PT012
        assert repr(conn) == f"<pycopg.Connection pid={conn.info.backend_pid}>"
        db.close(timeout=0)
        assert repr(conn) in ("<pycopg.Connection not to be asked now>", "<pycopg.Connection closed>")


# PEP 249


def test_the_modules_attributes() -> None:
    assert (pycopg.apilevel, pycopg.threadsafety, pycopg.paramstyle) == ("2.0", 2, "pyformat")
    assert issubclass(pycopg.Warning, Exception)
    assert issubclass(pycopg.Error, Exception)
    assert issubclass(pycopg.InterfaceError, pycopg.Error)
    assert issubclass(pycopg.DatabaseError, pycopg.Error)
    for name in ("Data", "Operational", "Integrity", "Internal", "Programming"):
        assert issubclass(getattr(pycopg, name + "Error"), pycopg.DatabaseError)
    assert issubclass(pycopg.NotSupportedError, pycopg.DatabaseError)
    assert pycopg.Date(2024, 2, 29) == datetime.date(2024, 2, 29)
    assert pycopg.Time(1, 2, 3) == datetime.time(1, 2, 3)
    assert pycopg.Timestamp(2024, 2, 29, 1, 2, 3) == datetime.datetime(2024, 2, 29, 1, 2, 3)
    ticks = datetime.datetime(2024, 2, 29, 1, 2, 3).timestamp()
    assert pycopg.DateFromTicks(ticks) == datetime.date(2024, 2, 29)
    assert pycopg.TimeFromTicks(ticks) == datetime.time(1, 2, 3)
    assert pycopg.TimestampFromTicks(ticks) == datetime.datetime(2024, 2, 29, 1, 2, 3)
    assert pycopg.Binary(b"\0\xff") == b"\0\xff"


def test_cursors_fetch_one_many_and_all(db: PooledDatabase) -> None:
    with db.connection() as conn, conn.cursor() as cur:
        assert cur.execute("SELECT generate_series(1, %s) AS n", [10]) is cur
        assert (cur.rowcount, cur.rownumber, cur.statusmessage) == (10, 0, "SELECT 10")
        assert cur.fetchone() == {"n": 1}
        assert cur.fetchmany() == [{"n": 2}]
        cur.arraysize = 3
        assert [row["n"] for row in cur.fetchmany()] == [3, 4, 5]
        assert [row["n"] for row in cur.fetchmany(2)] == [6, 7]
        assert cur.rownumber == 7
        assert next(iter(cur)) == {"n": 8}
        assert [row["n"] for row in cur] == [9, 10]
        assert cur.fetchone() is None
        assert cur.fetchmany(5) == []
        assert cur.fetchall() == []
        cur.execute("SELECT 1 WHERE false")
        assert cur.fetchall() == []


def test_cursors_describe_their_columns(db: PooledDatabase) -> None:
    with db.connection() as conn, conn.cursor() as cur:
        assert cur.description is None
        cur.execute("SELECT 1 AS a, 'x'::varchar(7) AS b, 1.5::numeric(6,2) AS c, now() AS d, ''::bytea AS e")
        columns = cur.description
        assert columns is not None
        assert all(len(column) == 7 for column in columns)
        assert [column.name for column in columns] == ["a", "b", "c", "d", "e"]
        a, b, c, d, e = columns
        assert a[1] == pycopg.NUMBER
        assert b[1] == pycopg.STRING
        assert c[1] == pycopg.NUMBER
        assert d[1] == pycopg.DATETIME
        assert e[1] == pycopg.BINARY
        assert a[1] != pycopg.STRING
        assert (a.internal_size, b.display_size, b.internal_size) == (4, 7, None)
        assert (c.precision, c.scale) == (6, 2)
        cur.execute("CREATE TEMP TABLE t (a int)")
        assert cur.description is None
        assert cur.rowcount == -1
        cur.execute("INSERT INTO t VALUES (1), (2)")
        assert (cur.rowcount, cur.statusmessage) == (2, "INSERT 0 2")


def test_cursors_execute_many(users: PooledDatabase) -> None:
    with users.connection() as conn, conn.cursor() as cur:
        cur.executemany("INSERT INTO users (name) VALUES (%s)", [["a"], ["b"], ["c"]])
        assert cur.rowcount == 3
        with pytest.raises(pycopg.ProgrammingError):
            cur.fetchone()
        cur.executemany("INSERT INTO users (name) VALUES (%s)", [])
        assert cur.rowcount == 0
    assert count(users) == 5


def test_cursors_refuse_what_makes_no_sense(db: PooledDatabase) -> None:
    with db.connection() as conn:
        cur = conn.cursor()
        for fetch in (cur.fetchone, cur.fetchmany, cur.fetchall):
            with pytest.raises(pycopg.ProgrammingError):
                fetch()
        with pytest.raises(pycopg.NotSupportedError):
            cur.nextset()
        cur.setinputsizes([1])
        cur.setoutputsize(1)
        cur.close()
        cur.close()
        assert cur.closed
        for use in (cur.fetchone, lambda: cur.execute("SELECT 1")):
            with pytest.raises(pycopg.InterfaceError, match="closed"):
                use()
        with pytest.raises(ValueError, match="row_factory"):
            conn.cursor(row_factory=list)


def test_connect_is_pep_249s(server_url: str, users: PooledDatabase) -> None:
    conn = pycopg.connect(users)
    cur = conn.cursor()
    cur.execute("INSERT INTO users (name) VALUES (%s) RETURNING id", ("Edsger",))
    assert cur.fetchone() == (3,)
    conn.close()
    assert count(users) == 2, "what was not committed is gone"
    with pytest.raises(pycopg.InterfaceError):
        cur.execute("SELECT 1")
    with pycopg.connect(users, autocommit=True, row_factory=dict) as conn:
        assert conn.execute("SELECT 1 AS a").fetchall() == [{"a": 1}]
    first, second = pycopg.connect(server_url), pycopg.connect(pycopg.Config.from_url(server_url))
    assert first.pool is second.pool
    assert first.info.backend_pid != second.info.backend_pid
    first.close()
    second.close()
    third = pycopg.connect()
    assert third.pool is first.pool, "the environment names the same database"
    third.close()
    third.pool.close()


def test_notices_and_signals_leave_a_query_alone(db: PooledDatabase) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        timer = threading.Thread(target=lambda: [os.kill(os.getpid(), signal.SIGUSR1) for _ in range(100)])
        timer.start()
        sql = "DO $$ BEGIN RAISE NOTICE 'hello'; PERFORM pg_sleep(0.1); END $$"
        assert db.execute(sql) == []
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
