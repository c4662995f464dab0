"""psycopg_pool's interface over pools of copg: programs for psycopg_pool, with another import."""

from __future__ import annotations

import contextlib
import datetime
import pickle
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import psycopg.sql
import psycopg_pool as theirs
import pytest
from psycopg.rows import args_row, class_row, dict_row, kwargs_row, namedtuple_row, scalar_row, tuple_row
from psycopg.types.json import Json, Jsonb

import pycopg
from conftest import eventually
from pycopg.compat import psycopg_pool as ours
from pycopg.compat._config import config_of, keywords_of

POOLS = ["ConnectionPool", "NullConnectionPool"]


class Point(NamedTuple):
    x: int
    y: int


@pytest.fixture
def url(server_url: str, users: pycopg.PooledDatabase) -> str:
    """The server's, with the tables of the reference document, which PGOPTIONS leads to."""
    return server_url


@pytest.fixture(params=POOLS)
def pool(request: pytest.FixtureRequest, url: str) -> Iterator[Any]:
    options: dict[str, Any] = {"min_size": 0, "max_size": 3}
    with getattr(ours, request.param)(url, **options) as made:
        yield made


# A program's ordinary things


def test_a_block_commits_or_rolls_back(pool: Any) -> None:
    with pool.connection() as conn:
        assert conn.execute("SELECT name FROM users WHERE id = %s", (1,)).fetchone() == ("Ada",)
        conn.execute("INSERT INTO users (name) VALUES (%(name)s)", {"name": "Alice"})
    with pytest.raises(psycopg.errors.DivisionByZero), pool.connection() as conn:
        conn.execute("DELETE FROM users; SELECT 1/0")
    with pool.connection() as conn:
        assert conn.execute("SELECT count(*) FROM users").fetchone() == (3,)
        conn.execute("DELETE FROM users")
        conn.rollback()
        assert conn.execute("SELECT count(*) FROM users").fetchone() == (3,)
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        conn.commit()


def test_cursors(pool: Any) -> None:
    with pool.connection() as conn, conn.cursor() as cur:
        cur.executemany("INSERT INTO users (name) VALUES (%s)", [("Alice",), ("Bob",)])
        assert cur.rowcount == 2
        assert cur.connection is conn
        assert cur.execute("SELECT id, name FROM users ORDER BY id") is cur
        assert [column.name for column in cur.description] == ["id", "name"]
        assert cur.fetchone() == (1, "Ada")
        assert cur.fetchmany(2) == [(2, "Grace"), (3, "Alice")]
        assert list(cur) == [(4, "Bob")]
        assert list(cur.stream("SELECT i FROM generate_series(1, 500) AS i", size=10))[-1] == (500,)
        with conn.cursor("named") as named:
            named.execute("SELECT id FROM users ORDER BY id")
            assert named.fetchmany(3) == [(1,), (2,), (3,)]
        with cur.copy("COPY users (name) FROM STDIN") as copy:
            copy.write_row(["Carol"])
        assert cur.rowcount == 1
        with cur.copy("COPY (SELECT name FROM users ORDER BY id) TO STDOUT") as copy:
            assert list(copy.rows())[-1] == ("Carol",)


@pytest.mark.parametrize(
    ("factory", "row"),
    [
        (tuple_row, (3, 4)),
        (dict_row, {"x": 3, "y": 4}),
        (scalar_row, 3),
        (class_row(Point), Point(3, 4)),
        (args_row(Point), Point(3, 4)),
        (kwargs_row(lambda x, y: x * y), 12),
        (lambda cursor: lambda values: [(it[0], value) for it, value in zip(cursor.description, values)],
         [("x", 3), ("y", 4)]),
    ],
)  # fmt: skip
def test_row_factories_of_psycopg(url: str, factory: Any, row: Any) -> None:
    sql = "SELECT 3 AS x, 4 AS y"
    with ours.ConnectionPool(url, min_size=1, kwargs={"row_factory": factory}) as pool, pool.connection() as conn:
        assert conn.row_factory is factory
        assert conn.execute(sql).fetchall() == [row]
        assert next(conn.cursor().execute(sql)) == row
        assert conn.cursor("named").execute(sql).fetchone() == row
        assert conn.cursor(row_factory=namedtuple_row).execute(sql).fetchone()._asdict() == {"x": 3, "y": 4}
        conn.row_factory = tuple_row
        assert conn.execute(sql).fetchone() == (3, 4)


def test_transactions(pool: Any) -> None:
    with pool.connection() as conn:
        with pytest.raises(psycopg.errors.DivisionByZero), conn.transaction():
            conn.execute("DELETE FROM users; SELECT 1/0")
        with conn.transaction(force_rollback=True):
            conn.execute("DELETE FROM users")
        with conn.transaction("outer") as outer:
            conn.execute("UPDATE users SET active = false")
            with conn.transaction():
                conn.execute("DELETE FROM users")
                raise psycopg.Rollback
            with conn.transaction():
                raise psycopg.Rollback(outer)
            pytest.fail("it goes on behind the outer block")
        assert conn.execute("SELECT count(*) FROM users WHERE active").fetchone() == (2,)
        with pytest.raises(psycopg.ProgrammingError), conn.transaction():
            conn.commit()


def test_what_a_connection_tells_and_is_told(pool: Any) -> None:
    with pool.connection() as conn:
        conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        conn.set_read_only(True)
        assert conn.execute("SHOW transaction_isolation").fetchone() == ("serializable",)
        assert conn.execute("SHOW transaction_read_only").fetchone() == ("on",)
        assert (conn.isolation_level, conn.read_only, conn.deferrable) == (4, True, None)
        conn.rollback()
        conn.read_only = None
        conn.set_autocommit(True)
        conn.execute("UPDATE users SET active = false")
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert (conn.closed, conn.broken) == (False, False)
        assert (conn.info.user, conn.info.vendor, conn.info.encoding) == ("postgres", "PostgreSQL", "utf-8")
        assert conn.info.dbname == conn.execute("SELECT current_database()").fetchone()[0]
        assert isinstance(conn.info.timezone, datetime.tzinfo)
        with pytest.raises(ValueError, match="isolation_level = 7"):
            conn.isolation_level = 7
        with pytest.raises(AttributeError, match="Connection.pgconn of psycopg is not here; instead: no access"):
            _ = conn.pgconn
        with pytest.raises(AttributeError, match="'Connection' object has no attribute 'nonsense'"):
            _ = conn.nonsense
    with pool.connection() as conn:
        assert not conn.autocommit
        assert conn.isolation_level is None
        assert conn.execute("SELECT count(*) FROM users WHERE active").fetchone() == (0,)


def test_composed_sql_and_json_of_psycopg(pool: Any) -> None:
    query = psycopg.sql.SQL("SELECT {} FROM {} WHERE id = %s").format(
        psycopg.sql.Identifier("name"), psycopg.sql.Identifier("users")
    )
    with pool.connection() as conn:
        assert conn.execute(query, [2]).fetchone() == ("Grace",)
        assert conn.execute(b"SELECT 1").fetchone() == (1,)
        found = conn.execute("SELECT %s, %s", [Jsonb({"a": [1]}), Json(7, dumps=lambda it: f"[{it}]")]).fetchone()
        assert found == ({"a": [1]}, [7])
        assert conn.execute("SELECT %(j)s -> 'a'", {"j": Jsonb({"a": 1})}).fetchone() == (1,)
        with pytest.raises(pycopg.NotSupportedError, match="takes no parameters"), conn.cursor().copy("COPY", [1]):
            pass
        with pytest.raises(psycopg.NotSupportedError, match=r"execute_many\(sql, rows, returning=True\)"):
            conn.cursor().executemany("SELECT %s", [(1,)], returning=True)


def test_errors_are_also_those_of_psycopg(pool: Any) -> None:
    with pool.connection() as conn:
        with pytest.raises(psycopg.errors.UniqueViolation) as raised:
            conn.execute("INSERT INTO users (name) VALUES ('Ada')")
        conn.rollback()
        with pytest.raises(psycopg.ProgrammingError), conn.transaction():
            conn.cursor().execute("nonsense")
        with pytest.raises(psycopg.ProgrammingError):
            conn.cursor().fetchone()
        with pytest.raises(psycopg.DataError):
            list(conn.cursor().stream("SELECT 1/0"))
        conn.rollback()
    error = raised.value
    assert isinstance(error, pycopg.errors.UniqueViolation)
    assert (error.sqlstate, error.diag.constraint_name) == ("23505", "users_name_key")
    assert isinstance(pickle.loads(pickle.dumps(error)), pycopg.errors.UniqueViolation)
    with pytest.raises(psycopg.OperationalError), pool.connection() as conn:
        conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    # A connection that was lost is gone, and the pool goes on.
    with pool.connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_an_error_stays_pycopgs_alone_where_psycopg_was_not_imported(
    pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "psycopg.errors")
    with pytest.raises(pycopg.ProgrammingError) as raised, pool.connection() as conn:
        conn.execute("nonsense")
    assert type(raised.value) is pycopg.errors.SyntaxError


# Pools


def test_getconn_and_putconn(pool: Any, url: str) -> None:
    conn = pool.getconn()
    with conn:
        conn.execute("UPDATE users SET active = false WHERE id = 1")
    assert conn.execute("SELECT count(*) FROM users WHERE active").fetchone() == (1,)
    conn.execute("DELETE FROM users")
    with ours.ConnectionPool(url, min_size=0, max_size=1) as other:
        with pytest.raises(ValueError, match=f"can't return connection to pool '{other.name}', it comes from pool"):
            other.putconn(conn)
        with pytest.raises(ValueError, match="it doesn't come from any pool"):
            other.putconn(object())
    pool.putconn(conn)
    with pytest.raises(ValueError, match="it doesn't come from any pool"):
        pool.putconn(conn)
    with pool.connection() as conn:
        assert conn.execute("SELECT count(*) FROM users").fetchone() == (2,)


def test_close_of_a_connection(url: str) -> None:
    for close_returns in (False, True):
        with ours.ConnectionPool(url, min_size=1, max_size=1, close_returns=close_returns) as pool:
            conn = pool.getconn()
            pid = conn.info.backend_pid
            conn.close()
            conn.close()
            assert conn.closed
            with pool.connection() as conn:
                assert (conn.info.backend_pid == pid) is close_returns
                if not close_returns:
                    conn.close()


def test_a_null_pool_keeps_no_connection(url: str) -> None:
    with ours.NullConnectionPool(url, max_size=2) as pool:
        pool.wait()
        pool.check()
        with pool.connection() as conn:
            first = conn.info.backend_pid
        with pool.connection() as conn:
            assert conn.info.backend_pid != first
        eventually(lambda: pool.get_stats()["pool_size"] == 0)
        assert (pool.min_size, pool.max_size) == (0, 2)
        with pytest.raises(ValueError, match="null pools must have min_size = 0"):
            pool.resize(1, 2)
    with ours.NullConnectionPool(url) as pool:
        assert pool.max_size == pool.get_stats()["pool_max"] == 0


def test_sizes_and_times(url: str) -> None:
    with ours.ConnectionPool(url) as pool:
        assert (pool.min_size, pool.max_size, pool.timeout, pool.max_idle, pool.max_lifetime) == (4, 4, 30, 600, 3600)
        pool.resize(1, 5)
        assert (pool.min_size, pool.max_size) == (1, 5)
        pool.drain()
        pool.check()
        pool.wait(10)
    for sizes in [(0, 0), (0, None), (-1, None), (4, 2)]:
        with pytest.raises(ValueError, match="size"):
            ours.ConnectionPool(url, min_size=sizes[0], max_size=sizes[1])


def test_a_pool_that_is_not_open(url: str) -> None:
    pool = ours.ConnectionPool(url, min_size=1, open=False, name="shop")
    assert pool.closed
    with pytest.raises(theirs.PoolClosed, match="the pool 'shop' is not open yet"):
        pool.getconn()
    pool.open(wait=True, timeout=10)
    assert not pool.closed
    pool.close()
    pool.close()
    with pytest.raises(ours.PoolClosed, match="the pool 'shop' is already closed"), pool.connection():
        pass
    with pytest.raises(psycopg.OperationalError, match="cannot be reused"):
        pool.open()


def test_requests_that_come_too_late_or_are_too_many(url: str) -> None:
    with ours.ConnectionPool(url, min_size=1, max_size=1, max_waiting=1) as pool, pool.connection():
        assert theirs.TooManyRequests.__mro__[1] is psycopg.OperationalError
        with pytest.raises(psycopg.OperationalError) as raised:
            pool.getconn(timeout=0.01)
        assert isinstance(raised.value, ours.PoolTimeout)
        assert isinstance(raised.value, theirs.PoolTimeout)
    with pytest.raises(ours.PoolTimeout), ours.ConnectionPool("host=/nowhere dbname=none", min_size=1) as pool:
        pool.wait(timeout=0.05)
    assert pool.closed


def test_statements_have_no_time_limit(url: str) -> None:
    with ours.ConnectionPool(url, min_size=1, timeout=0.05) as pool:
        pool.wait(10)
        with pool.connection(timeout=10) as conn:
            conn.execute("SELECT pg_sleep(0.2)")


def test_statistics(url: str) -> None:
    with ours.ConnectionPool(url, min_size=1) as pool:
        pool.wait(10)
        with pool.connection():
            pass
        stats = pool.get_stats()
        own = {value for name, value in vars(theirs.ConnectionPool).items() if name.isupper() and name[0] == "_"}
        assert own <= set(stats)
        assert (stats["requests_num"], stats["pool_size"], stats["connections_num"]) == (1, 1, 1)
        assert all(type(value) is int for value in stats.values())
        assert pool.pop_stats()["requests_num"] == 1
        assert pool.get_stats()["requests_num"] == 0
        assert pool.get_stats()["pool_size"] == 1


def test_configure_decides_how_connections_begin(url: str) -> None:
    def configure(conn: ours.Connection) -> None:
        with conn.transaction():
            conn.execute("SET application_name = 'configured'")
        conn.autocommit = True
        conn.row_factory = dict_row
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    with ours.ConnectionPool(url, min_size=1, configure=configure) as pool:
        pool.wait(10)
        with pool.connection() as conn:
            assert conn.autocommit
            assert conn.execute("SHOW application_name").fetchone() == {"application_name": "configured"}
            conn.autocommit = False
            assert conn.execute("SHOW transaction_isolation").fetchone() == {"transaction_isolation": "repeatable read"}


def test_a_configure_that_leaves_a_transaction_open_is_refused(url: str, caplog: pytest.LogCaptureFixture) -> None:
    pool = ours.ConnectionPool(url, min_size=1, configure=lambda conn: conn.execute("SELECT 1"))
    with pool, pytest.raises(ours.PoolTimeout, match="transaction"):
        pool.wait(timeout=0.5)
    assert "configure" in caplog.text


def test_check_and_reset(url: str, caplog: pytest.LogCaptureFixture) -> None:
    checked, were_reset = [], []

    def check(conn: ours.Connection) -> None:
        checked.append(conn.info.backend_pid)
        if len(checked) == 1:
            raise LookupError

    def reset(conn: ours.Connection) -> None:
        were_reset.append(conn.execute("SELECT 1").fetchone())
        conn.rollback()

    with ours.ConnectionPool(url, min_size=1, max_size=2, check=check, reset=reset) as pool:
        with pool.connection() as conn:
            assert checked[0] != checked[1] == conn.info.backend_pid
        eventually(lambda: were_reset == [(1,)])
    pool = ours.ConnectionPool(url, min_size=1, check=ours.ConnectionPool.check_connection)
    with pool, pool.connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_reconnect_failed_is_given_the_pool() -> None:
    told: list[Any] = []
    with ours.ConnectionPool(
        "host=/nowhere dbname=none", min_size=1, reconnect_timeout=0.05, reconnect_failed=told.append
    ) as pool:
        eventually(lambda: told)
        assert told[0] is pool


def test_a_block_that_hides_a_failed_statement_says_so_and_the_pool_goes_on(pool: Any) -> None:
    def hide(conn: Any) -> None:
        with contextlib.suppress(psycopg.ProgrammingError):
            conn.execute("nonsense")

    with pytest.raises(psycopg.InternalError), pool.connection() as conn:
        hide(conn)
    with pool.connection() as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


def test_where_the_server_is_may_be_asked_for_each_connection(url: str) -> None:
    names = iter(["one", "two"])
    with ours.ConnectionPool(
        lambda: url, kwargs=lambda: {"application_name": next(names)}, min_size=2, num_workers=1
    ) as pool:
        pool.wait(10)
        with pool.connection() as a, pool.connection() as b:
            found = {conn.execute("SHOW application_name").fetchone()[0] for conn in (a, b)}
    assert found == {"one", "two"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"connection_class": type("Mine", (psycopg.Connection,), {})}, "must derive from pycopg.compat"),
        ({"kwargs": {"cursor_factory": psycopg.ClientCursor}}, r"kwargs\['cursor_factory'\]"),
        ({"kwargs": {"context": object()}}, r"kwargs\['context'\]"),
        ({"kwargs": {"row_factory": 7}}, "row_factory = 7"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_can_not_be_had_is_refused(url: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ours.ConnectionPool(url, **options)


def test_connection_classes(url: str) -> None:
    class Mine(ours.Connection):
        pass

    for given, expected in [(psycopg.Connection, ours.Connection), (psycopg.Connection[Any], ours.Connection)]:
        with ours.ConnectionPool(url, connection_class=given, min_size=1) as pool, pool.connection() as conn:
            assert type(conn) is expected
    with ours.ConnectionPool[Mine](url, connection_class=Mine[Any], min_size=1) as mine, mine.connection() as conn:
        assert type(conn) is Mine


def test_connection_strings() -> None:
    assert keywords_of(r"host = 'a b'  dbname=it\'s password='x\\y' user=''") == {
        "host": "a b", "dbname": "it's", "password": r"x\y", "user": "",
    }  # fmt: skip
    for text in ("host", "host=a dbname", "host='a", "=a"):
        with pytest.raises(pycopg.ProgrammingError, match="no keyword and value"):
            keywords_of(text)
    config = config_of("host=a,b port=1,2 user=u application_name=x", {"dbname": "d", "connect_timeout": 3})
    assert (config.host, config.database, config.user) == ("a,b", "d", "u")
    assert config.options == {
        "port": "1,2",
        "application_name": "x",
        "connect_timeout": "3",
        "target_session_attrs": "any",
    }
    config = config_of("postgresql://u@h:7/d?application_name=x", {"password": "p", "port": 8})
    assert (config.host, config.port, config.password, config.options) == ("h", 8, "p", {"application_name": "x"})


def test_keywords_of_libpq_and_psycopg(url: str) -> None:
    kwargs = {"autocommit": True, "prepare_threshold": None, "application_name": "shop", "connect_timeout": 5}
    with ours.ConnectionPool(url, min_size=1, kwargs=kwargs) as pool, pool.connection() as conn:
        assert conn.autocommit
        assert conn.execute("SHOW application_name").fetchone() == ("shop",)
        conn.execute("SELECT name FROM users WHERE id = %s", [1])
        assert conn.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
