"""Several hosts in the configuration: a primary and its replicas, and which of them serves."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

import pycopg
from conftest import eventually
from replicas import Replicas, replicas

WHICH = "SELECT current_setting('cluster_name')"


@pytest.fixture(scope="module")
def servers() -> Iterator[Replicas]:
    """s0 is the primary, s1 its replica: for tests that leave them so."""
    with replicas() as made:
        made[0].ask("CREATE TABLE notes (id bigserial PRIMARY KEY, text text)")
        made.caught_up()
        yield made


@pytest.fixture
def db(servers: Replicas) -> Iterator[pycopg.PooledDatabase]:
    with pycopg.PooledDatabase(servers.config, 1, 3) as made:
        yield made


def test_every_verb_goes_to_the_primary(db: pycopg.PooledDatabase) -> None:
    every_verb(db, "s0")
    assert db.fetch_val("INSERT INTO notes (text) VALUES ('x') RETURNING 1") == 1
    assert db.execute_many("INSERT INTO notes (text) VALUES (%s)", [("y",), ("z",)]) == 2
    assert db.copy_in("notes", [("w",)], columns=["text"]) == 1


@pytest.mark.parametrize("kind", ["default", "seconds", "deadline"])
def test_every_verb_goes_to_the_replica(db: pycopg.PooledDatabase, kind: str) -> None:
    timeout: float | pycopg.Deadline | None = {"default": None, "seconds": 20, "deadline": pycopg.Deadline(60)}[kind]
    every_verb(db.replica, "s1", timeout)
    every_verb(db.on("replica", max_lag=60), "s1", timeout)
    every_verb(db.on("primary"), "s0", timeout)
    assert db.on("any").fetch_val(WHICH, timeout=timeout) in ("s0", "s1")


def every_verb(db: pycopg.PooledDatabase, where: str, timeout: float | pycopg.Deadline | None = None) -> None:
    assert db.execute(WHICH, row=tuple, timeout=timeout) == [(where,)]
    assert db.fetch_all(WHICH, timeout=timeout) == [{"current_setting": where}]
    assert db.fetch_one(WHICH, row=tuple, timeout=timeout) == (where,)
    assert db.fetch_val(WHICH + " WHERE %s", [True], timeout=timeout) == where
    asked = [(WHICH, None), (WHICH, None)]
    assert [answer.value for answer in db.execute_all(asked, timeout=timeout)] == [where] * 2
    many = db.execute_many(f"{WHICH}, %s::int", [(1,), (2,)], returning=tuple, timeout=timeout)
    assert many == [(where, 1), (where, 2)]
    with db.stream(WHICH, row=tuple, timeout=timeout) as rows:
        assert list(rows) == [(where,)]
    with db.connection(timeout) as connection:
        assert connection.fetch_val(WHICH) == where
        assert [lease.name for lease in db.leases()] == [None]
    with db.try_connection() as connection:
        assert connection is not None
        assert connection.fetch_val(WHICH) == where
    with db.transaction(timeout, readonly=True) as connection:
        assert connection.fetch_val(WHICH) == where
    assert db.run(lambda connection: connection.fetch_val(WHICH), timeout=timeout) == where


def test_a_replica_refuses_what_writes(db: pycopg.PooledDatabase) -> None:
    with pytest.raises(pycopg.errors.ReadOnlySqlTransaction):
        db.replica.execute("INSERT INTO notes (text) VALUES ('x')")


def test_the_whole_is_shared(db: pycopg.PooledDatabase) -> None:
    db.wait()
    db.replica.fetch_val("SELECT 1")
    assert db.stats["pool_max"] == db.replica.stats["pool_max"] == 6
    assert "hosts=2" in repr(db)
    db.check()
    db.drain()
    with db.connection(name="held"):
        assert [lease.name for lease in db.replica.leases()] == ["held"]
    db.suspend()
    with pytest.raises(pycopg.PoolTimeout):
        db.fetch_val("SELECT 1", timeout=0.05)
    db.resume()
    assert db.fetch_val("SELECT 1") == 1


@pytest.mark.parametrize("what", ["metrics", "advise", "monitor"])
def test_what_belongs_to_one_host_is_refused(db: pycopg.PooledDatabase, what: str) -> None:
    with pytest.raises(pycopg.InterfaceError, match="a pool of several hosts does not offer this"):
        getattr(db, what)()


def test_so_are_new_bounds_and_listeners(db: pycopg.PooledDatabase) -> None:
    with pytest.raises(pycopg.InterfaceError, match="several hosts"):
        db.resize(1, 2)
    with pytest.raises(pycopg.InterfaceError, match="several hosts"), db.listen("jobs"):
        pass


def test_wrong_options_are_told(db: pycopg.PooledDatabase) -> None:
    with pytest.raises(ValueError, match="role = 'standby': it must be 'primary', 'replica' or 'any'"):
        db.on("standby")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="if_unfit"):
        db.on("replica", if_unfit="never")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_lag"):
        db.on("replica", max_lag=-1)
    with pytest.raises(TypeError, match="patience"):
        db.on("replica", patience="soon")  # type: ignore[arg-type]


def test_one_host_has_no_replica(server_url: str) -> None:
    with pycopg.PooledDatabase(pycopg.Config.from_url(server_url), 0, 2) as db:
        with pytest.raises(pycopg.InterfaceError, match="a pool of one host knows no replica"):
            _ = db.replica
        assert db.on("primary").fetch_val("SELECT 1") == 1
        with db.on("any").connection() as connection:
            assert connection.fetch_val("SELECT 2") == 2
    with pytest.raises(pycopg.PoolClosed):
        db.on("primary")


def test_a_check_and_types_hold_on_each_host(servers: Replicas) -> None:
    seen = []

    def check(connection: pycopg.Connection) -> None:
        seen.append(connection.fetch_val(WHICH))

    with pycopg.PooledDatabase(servers.config, 0, 2, check=check) as db:
        assert db.replica.fetch_val(WHICH) == "s1"
        with db.connection() as connection:
            assert connection.fetch_val(WHICH) == "s0"
    assert seen == ["s1", "s0"]


def test_a_closed_pool_serves_no_role(servers: Replicas) -> None:
    db = pycopg.PooledDatabase(servers.config, 0, 2)
    replica = db.replica
    assert replica.fetch_val(WHICH) == "s1"
    db.close()
    for closed in (db, replica):
        with pytest.raises(pycopg.PoolClosed):
            closed.fetch_val("SELECT 1")
    with pytest.raises(pycopg.PoolClosed):
        _ = db.replica


def test_the_last_object_closes_the_pool(servers: Replicas) -> None:
    replica = pycopg.PooledDatabase(servers.config, 0, 2, name="short").replica
    mine = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {replica.fetch_val('SELECT pg_backend_pid()')}"
    assert servers[1].ask(mine) == 1
    del replica
    eventually(lambda: servers[1].ask(mine) == 0)


def test_a_forked_child_has_connections_of_its_own(db: pycopg.PooledDatabase) -> None:
    parent = db.replica.fetch_val("SELECT pg_backend_pid()")
    child = os.fork()
    if child == 0:
        good = False
        try:
            good = db.fetch_val(WHICH) == "s0" and db.replica.fetch_val("SELECT pg_backend_pid()") != parent
        finally:
            os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert db.replica.fetch_val(WHICH) == "s1"


def test_a_lagging_replica_is_unfit() -> None:
    with replicas() as servers, pycopg.PooledDatabase(servers.config, 0, 3) as db:
        db.execute("CREATE TABLE notes (id int)")
        servers.caught_up()
        assert db.on("replica", max_lag=30).fetch_val(WHICH) == "s1"
        servers[1].pause_replay()
        db.execute("INSERT INTO notes VALUES (1)")
        eventually(lambda: unfit(db))
        with pytest.raises(pycopg.PoolTimeout, match="replica"):
            db.on("replica", max_lag=0.01).fetch_val(WHICH, timeout=0.3)
        began = time.monotonic()
        assert db.on("replica", max_lag=0.01, if_unfit="primary", patience=0.2).fetch_val(WHICH) == "s0"
        assert time.monotonic() - began >= 0.2
        assert db.replica.fetch_val(WHICH) == "s1"
        servers[1].ask("SELECT pg_wal_replay_resume()")
        eventually(lambda: db.on("replica", max_lag=5, if_unfit="primary").fetch_val(WHICH) == "s1")


def unfit(db: pycopg.PooledDatabase) -> bool:
    try:
        db.on("replica", max_lag=0.01, if_unfit="fail").fetch_val(WHICH)
    except pycopg.PoolTimeout:
        return True
    return False


def test_ctrl_c_ends_the_wait_for_a_host() -> None:
    with replicas(0) as servers:
        config = pycopg.Config(
            host=f"{servers[0].socket_folder},/nowhere", user="postgres", database="postgres", options={"port": "5432"}
        )
        with pycopg.PooledDatabase(config, 0, 1) as db:
            assert db.fetch_val(WHICH) == "s0"
            stopper = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
            stopper.start()
            with pytest.raises(KeyboardInterrupt):
                db.on("replica").fetch_val(WHICH, timeout=20)
            stopper.join()
            assert db.fetch_val(WHICH) == "s0"


@pytest.mark.parametrize("killed", [False, True])
def test_writers_follow_the_primary(killed: bool) -> None:
    """None of their writes is done twice, and each that was acknowledged is there."""
    with replicas() as servers:
        servers[0].ask("CREATE TABLE notes (id int)")
        if killed:  # what was acknowledged is on the replica
            servers[0].ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
            servers[0].ask("SELECT pg_reload_conf()")
        servers.caught_up()
        with pycopg.PooledDatabase(servers.config, 1, 4, timeout=60) as db:
            written: list[int] = []
            doubtful: list[int] = []
            stop = threading.Event()

            def write(first: int) -> None:
                number = first
                while not stop.is_set():
                    try:
                        db.execute("INSERT INTO notes VALUES (%s)", [number])
                        written.append(number)
                    except pycopg.OperationalError:
                        doubtful.append(number)
                    number += 1

            writers = [threading.Thread(target=write, args=(number * 1_000_000,)) for number in range(6)]
            for writer in writers:
                writer.start()
            try:
                eventually(lambda: len(written) > 50)
                if killed:
                    servers[0].kill()
                servers[1].promote()
                servers[1].ask("SELECT 1")
                eventually(lambda: where_writes_go(db) == "s1", 30)
                before = len(written)
                eventually(lambda: len(written) > before + 50, 30)
            finally:
                stop.set()
                for writer in writers:
                    writer.join(60)
            there = [row[0] for row in db.execute("SELECT id FROM notes", row=tuple)]
            assert len(there) == len(set(there))
            assert set(there) <= set(written) | set(doubtful)
            if killed:
                assert set(written) <= set(there)


def where_writes_go(db: pycopg.PooledDatabase) -> object:
    try:
        return db.fetch_val(WHICH, timeout=20)
    except pycopg.OperationalError:
        return None
