"""The pool as a whole: options, statistics, resizing, checking, closing, callbacks, configuration."""

from __future__ import annotations

import math
import pathlib
import pickle
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg_pool
import pytest

import pycopg
from conftest import eventually
from pycopg import Config, PooledDatabase

MakePool = Callable[..., PooledDatabase]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_size": -1}, "min_size = -1: it must be at least 0"),
        ({"min_size": 5, "max_size": 4}, "min_size = 5: it must be at most max_size, which is 4"),
        ({"min_size": 0, "max_size": 0}, "max_size = 0: it must be at least 1"),
        ({"num_workers": 0}, "num_workers = 0: it must be at least 1"),
        ({"max_idle": -1}, "max_idle = -1 s: it must be at least 0 s"),
        ({"timeout": math.nan}, "timeout = nan s"),
        ({"max_lifetime": 0}, "max_lifetime = 0 s: it must be above 0 s"),
        ({"connect_timeout": math.inf}, "connect_timeout = inf s: it must be above 0 s and finite"),
        ({"leak_after": 0}, "leak_after = 0 s"),
        ({"held_idle_after": 0}, "held_idle_after = 0 s"),
        ({"outage_patience": -1}, "outage_patience = -1 s"),
        ({"max_result_bytes": -1}, "max_result_bytes = -1: it must be at least 0"),
        ({"reset": "never"}, "reset = 'never': it must be one of 'tracked', 'full', 'rollback'"),
        ({"prepare": "always"}, "prepare = 'always'"),
        ({"row_factory": list}, "row_factory = "),
    ],
)
def test_bad_options_are_named_with_their_bounds(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PooledDatabase(Config(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_size": "many"}, "max_size = 'many': it must be a whole number"),
        ({"min_size": 1.5}, "min_size = 1.5: it must be a whole number"),
        ({"timeout": None}, "timeout = None: it must be a number of seconds"),
        ({"name": None}, "name = None: it must be a str"),
        ({"share": "no"}, "share = 'no': it must be True or False"),
        ({"join_rows": 1}, "join_rows = 1: it must be True or False"),
        ({"max_result_bytes": 1.5}, "max_result_bytes = 1.5: it must be a whole number"),
        ({"check": 5}, "check = 5: it must be a function"),
        ({"reconnect_failed": 5}, "reconnect_failed = 5: it must be a function"),
    ],
)
def test_options_of_a_wrong_type_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        PooledDatabase(Config(), open=False, **options)


def test_what_is_no_configuration_is_refused() -> None:
    for kind in (PooledDatabase, pycopg.AsyncPooledDatabase):
        with pytest.raises(TypeError, match="must be a pycopg.Config, not str; a URL is for from_url"):
            kind("postgresql://app:secret@h/d")  # type: ignore[arg-type]
    for field in ("host", "password", "port"):
        with pytest.raises(TypeError, match=f"Config.{field} can't be NoneType"):
            PooledDatabase(Config(**{field: None}))  # type: ignore[arg-type]


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="no_such_option"):
        PooledDatabase(Config(), no_such_option=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="no_such_option"):
        PooledDatabase.from_url("postgresql://h/d", no_such_option=1)


def test_the_options_of_the_document_in_its_order(server_url: str) -> None:
    config = Config.from_url(server_url)
    with PooledDatabase(config, 1, 2, 300.0, 3600.0, 30.0, 3, 300.0, None, None) as db:
        assert db.execute("SELECT 1 AS a") == [{"a": 1}]
    with PooledDatabase(config, 3, None, name="orders", min_idle=1, reset="full", prepare="off") as db:
        assert db.stats["pool_max"] == 3
        db.wait(timeout=10)


def test_repr_shows_the_sizes_and_never_a_password(db: PooledDatabase) -> None:
    db.wait()
    assert repr(db) == "PooledDatabase('postgres', size=1/4)"
    config = Config(password="secret", host="h")
    assert "secret" not in repr(config)
    assert "secret" not in repr(PooledDatabase(config, open=False))


def test_statistics_have_psycopg_pools_keys(make_pool: MakePool, server_url: str) -> None:
    db = make_pool(min_size=2)
    db.wait()
    db.execute("SELECT 1")
    stats = db.stats
    with psycopg_pool.ConnectionPool(server_url, min_size=1, open=True) as theirs:
        theirs.wait()
        with theirs.connection():
            pass
        assert set(theirs.get_stats()) <= set(stats)
    assert stats["pool_min"] == 2
    assert [stats[name] for name in ("leased", "connecting", "resetting", "checking", "closing")] == [0, 0, 0, 0, 0]
    assert stats["pool_max"] == 4
    assert stats["requests_num"] == 1
    assert stats["usage_ms"] > 0
    assert stats["connections_num"] == 2
    with db.connection():
        assert db.stats["pool_available"] == 1


def test_waiters_are_served_in_their_order(make_pool: MakePool) -> None:
    db = make_pool(max_size=1)
    order: list[int] = []

    def work(number: int) -> None:
        with db.connection():
            order.append(number)

    threads = []
    with db.connection():
        for number in range(8):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            eventually(lambda waiting=number + 1: db.stats["requests_waiting"] == waiting)
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_a_timeout_explains_itself_and_is_psycopg_pools_too(make_pool: MakePool) -> None:
    db = make_pool(max_size=1, timeout=0.2, name="orders")
    held = db.connection().__enter__()  # not by a `with`, which would make it a deadlock
    began = time.monotonic()
    with pytest.raises(pycopg.PoolTimeout) as raised:
        db.execute("SELECT 1")
    assert 0.15 < time.monotonic() - began < 2
    with pytest.raises(pycopg.PoolTimeout), db.connection(timeout=0.01):
        pass
    held.__exit__(None, None, None)
    text = str(raised.value)
    assert re.match(r"pool 'orders' had no connection for 0\.2\d* s: 1/1 leased", text)
    assert "test_pool.py:" in text
    assert isinstance(raised.value, psycopg_pool.PoolTimeout)
    assert isinstance(raised.value, pycopg.OperationalError)
    again = pickle.loads(pickle.dumps(raised.value))
    assert isinstance(again, psycopg_pool.PoolTimeout)
    assert str(again) == text


def test_a_statement_that_takes_too_long_is_cancelled(make_pool: MakePool) -> None:
    db = make_pool(max_size=1, timeout=0.2)
    with pytest.raises(pycopg.QueryTimeout, match="no answer"):
        db.execute("SELECT pg_sleep(60)")
    eventually(lambda: db.stats["pool_available"] == 1)
    assert db.fetch_val("SELECT 1") == 1


def test_more_than_max_waiting_are_turned_away(make_pool: MakePool) -> None:
    db = make_pool(max_size=1, max_waiting=1)
    with db.connection():
        waiting = threading.Thread(target=db.execute, args=("SELECT 1",))
        waiting.start()
        eventually(lambda: db.stats["requests_waiting"] == 1)
        with pytest.raises(pycopg.TooManyRequests) as raised:
            db.execute("SELECT 1")
        assert isinstance(raised.value, psycopg_pool.TooManyRequests)
    waiting.join()


def test_resizing_while_leases_are_out(make_pool: MakePool) -> None:
    db = make_pool(min_size=1, max_size=2)
    with db.connection(), db.connection():
        db.resize(min_size=1, max_size=1)
        assert db.stats["pool_max"] == 1
    eventually(lambda: db.stats["pool_size"] == 1)
    db.resize(3)
    eventually(lambda: db.stats["pool_size"] == 3)
    assert db.stats["pool_max"] == 3
    with pytest.raises(ValueError, match="min_size = 4"):
        db.resize(4, 3)


def test_check_replaces_what_has_died(make_pool: MakePool) -> None:
    db = make_pool(min_size=2, max_size=2)
    db.wait()
    with db.connection() as conn:
        pid = conn.info.backend_pid
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> %s AND application_name = ''", [pid]
        )
    db.check()
    eventually(lambda: db.stats["pool_size"] == 2)
    assert db.fetch_val("SELECT 1") == 1


def test_wait_times_out_and_leaves_the_pool_open(server_url: str) -> None:
    with PooledDatabase(Config(host="192.0.2.1"), 1, 1) as db:
        began = time.monotonic()
        with pytest.raises(pycopg.PoolTimeout):
            db.wait(timeout=0.1)
        assert time.monotonic() - began < 2
        with pytest.raises(ValueError, match="timeout"):
            db.wait(timeout=-1)
        assert db.stats["pool_size"] == 0


def test_wait_fails_at_once_where_no_connection_can_be_made(server_url: str) -> None:
    config = Config.from_url(server_url)
    config.database = "no_such_database"
    with PooledDatabase(config, 1, 1) as db:
        began = time.monotonic()
        with pytest.raises(pycopg.ConfigurationError, match='database "no_such_database" does not exist'):
            db.wait(timeout=20)
        assert time.monotonic() - began < 5


def test_drain_suspend_and_resume(make_pool: MakePool) -> None:
    db = make_pool(min_size=1, max_size=1)
    before = db.fetch_val("SELECT pg_backend_pid()")
    db.drain()
    assert db.fetch_val("SELECT pg_backend_pid()") != before
    db.suspend()
    waiting = threading.Thread(target=db.execute, args=("SELECT 1",))
    waiting.start()
    eventually(lambda: db.stats["requests_waiting"] == 1)
    db.resume()
    waiting.join()


def test_close_is_bounded_idempotent_and_tells_everybody(make_pool: MakePool) -> None:
    db = make_pool(max_size=1)
    errors: list[BaseException] = []

    def call(sql: str) -> None:
        try:
            db.execute(sql)
        except pycopg.Error as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=("SELECT pg_sleep(60)",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    eventually(lambda: db.stats["requests_waiting"] == 2)
    began = time.monotonic()
    db.close(timeout=0.1)
    assert time.monotonic() - began < 2
    db.close()
    for thread in threads:
        thread.join()
    assert all(isinstance(error, pycopg.PoolClosed) for error in errors)
    assert len(errors) == 3
    assert all(isinstance(error, psycopg_pool.PoolClosed) for error in errors)
    for use in (lambda: db.execute("SELECT 1"), db.open, db.check, db.wait, lambda: db.connection().__enter__()):
        with pytest.raises(pycopg.PoolClosed):
            use()
    assert db.stats["pool_size"] == 0
    with pytest.raises(ValueError, match="timeout"):
        db.close(timeout=-1)


def test_a_pool_that_is_not_open_yet(server_url: str) -> None:
    db = PooledDatabase.from_url(server_url, open=False)
    assert (db.stats["pool_max"], db.stats["pool_size"]) == (10, 0)
    assert repr(db) == "PooledDatabase('postgres', size=0/10)"
    for use in (lambda: db.execute("SELECT 1"), lambda: db.connection().__enter__()):
        with pytest.raises(pycopg.PoolClosed, match="not open yet"):
            use()
    with db:
        db.open()
        assert db.fetch_val("SELECT 1") == 1
    never = PooledDatabase.from_url(server_url, open=False)
    never.close()
    with pytest.raises(pycopg.PoolClosed):
        never.open()


def test_what_cannot_work_fails_at_once_with_the_servers_words(server_url: str) -> None:
    for change, words in (
        ({"database": "no_such_database"}, "no_such_database"),
        ({"user": "no_such_user"}, "no_such_user"),
    ):
        config = Config.from_url(server_url)
        for name, value in change.items():
            setattr(config, name, value)
        began = time.monotonic()
        with PooledDatabase(config) as db, pytest.raises(pycopg.ConfigurationError, match=words) as raised:
            db.execute("SELECT 1")
        assert time.monotonic() - began < 5
        assert isinstance(raised.value, pycopg.OperationalError)
        assert raised.value.sqlstate in ("3D000", "28000")


# callbacks


def test_reconnect_failed_is_called_on_a_thread_of_its_own() -> None:
    called = threading.Event()
    pools: list[PooledDatabase] = []

    def failed(pool: PooledDatabase) -> None:
        pools.append(pool)
        pool.close(timeout=0)
        called.set()
        raise RuntimeError("nobody is hurt by that")

    hook, threading.excepthook = threading.excepthook, lambda _: None
    try:
        db = PooledDatabase(Config(host="127.0.0.1", port=1), 1, 1, reconnect_timeout=0.05, reconnect_failed=failed)
        assert called.wait(10)
        assert pools == [db]
        eventually(lambda: not [t for t in threading.enumerate() if t.name == "pycopg-reconnect-failed"])
    finally:
        threading.excepthook = hook


def test_pools_die_with_their_last_reference(server_url: str) -> None:
    def backends() -> int:
        value = watch.fetch_val("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dying'")
        assert isinstance(value, int)
        return value

    class App:
        def __init__(self) -> None:
            url = server_url + ("&" if "?" in server_url else "?") + "application_name=dying"
            self.db = PooledDatabase.from_url(url, 2, 2, reconnect_failed=self.failed, check=self.look)

        def failed(self, pool: PooledDatabase) -> None: ...

        def look(self, conn: pycopg.Connection) -> None:
            self.seen = conn

    with PooledDatabase.from_url(server_url, 1, 1) as watch:
        app = App()
        app.db.wait()
        app.db.execute("SELECT 1")
        assert backends() == 2
        del app

        def collected() -> bool:
            import gc

            gc.collect()
            return backends() == 0

        eventually(collected)


# configuration


def test_config_from_url_and_back() -> None:
    url = "postgresql://u%40x:p%2Fw@h1:1,h2:2/db?sslmode=require&statement_timeout=5s&target_session_attrs=any"
    url += "&work_mem=1MB"
    config = Config.from_url(url)
    assert (config.database, config.user, config.password, config.sslmode) == ("db", "u@x", "p/w", "require")
    assert config.statement_timeout == 5000
    assert config.options["work_mem"] == "1MB"
    assert Config.from_url(config.dsn) == config
    for bad in ("mysql://x", "postgresql://h/d?Not-a-setting=1", "postgresql://h:x/d", "postgresql://h/d?sslmode=no"):
        with pytest.raises(pycopg.ConfigurationError):
            Config.from_url(bad)


def test_config_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    for name in ("DATABASE_URL", "DB_HOST", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert Config.from_env() == Config("localhost", 5432, "postgres", "postgres", "", None, {}, None)
    monkeypatch.setenv("PGHOST", "pg")
    monkeypatch.setenv("DB_HOST", "")
    assert Config.from_env().host == "pg"
    monkeypatch.setenv("DB_HOST", "db")
    assert Config.from_env().host == "db"
    (tmp_path / ".env").write_text("DB_HOST=file\nDB_NAME=app\n")
    assert (Config.from_env().host, Config.from_env().database) == ("db", "app")
    assert Config.from_env(tmp_path / ".env").host == "file"
    assert Config.from_env(load_dotenv_file=False).database == "postgres"
    monkeypatch.setenv("DATABASE_URL", "postgresql://url/x")
    assert Config.from_env().host == "url"


def test_passwords_and_settings_are_quoted(server_url: str) -> None:
    config = Config.from_url(server_url)
    config.password = "a b'c\\d"
    config.statement_timeout = 1234
    config.options["application_name"] = "it's \\ here"
    with PooledDatabase(config, 1, 1) as db:
        assert db.fetch_val("SHOW statement_timeout") == "1234ms"
        assert db.fetch_val("SHOW application_name") == "it's \\ here"


def test_another_client_encoding_is_refused(server_url: str) -> None:
    config = Config.from_url(server_url)
    config.options["client_encoding"] = "LATIN1"
    with pytest.raises(pycopg.ConfigurationError, match="UTF8"):
        PooledDatabase(config)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_databases_in_other_encodings(server_url: str, encoding: str) -> None:
    with PooledDatabase.from_url(server_url, 1, 1) as admin:
        admin.execute(
            f"CREATE DATABASE in_{encoding} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
        config = Config.from_url(server_url)
        config.database = f"in_{encoding}".lower()
        try:
            with PooledDatabase(config, 1, 1) as db:
                assert db.fetch_val("SELECT %s || 'é'", ["ä"]) == "äé"
                if encoding == "SQL_ASCII":
                    with pytest.raises(pycopg.DataError, match="invalid byte sequence"):
                        db.execute("SELECT chr(255) AS x")
                else:
                    with pytest.raises(pycopg.DataError):
                        db.execute("SELECT %s", ["\u20ac"])
        finally:
            admin.execute(f"DROP DATABASE in_{encoding} WITH (FORCE)")


def test_importing_does_not_import_psycopg_pool() -> None:
    code = "import sys, pycopg; sys.exit('psycopg_pool' in sys.modules or 'psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
