"""`configure` and `credentials`: on good days, and when they raise, block, or call the pool."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pycopg
from conftest import NextRound, eventually
from program import Program
from pycopg import AsyncPooledDatabase, Config, Connection, PooledDatabase

MakePool = Callable[..., PooledDatabase]

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    yield
    eventually(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("pycopg-")])


@pytest.fixture
def barrier() -> Iterator[threading.Event]:
    """Where a callback waits; open at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def test_configure_makes_each_connection_ready_before_anybody_gets_it(make_pool: MakePool) -> None:
    seen: list[tuple[Any, ...]] = []

    def configure(conn: Connection) -> None:
        conn.execute("SET work_mem = '3MB'")
        with conn.transaction():
            row = conn.execute("SELECT %s AS one", [1]).fetchone()
        seen.append((conn.autocommit, row, conn.info.transaction_status, threading.current_thread().name))

    db = make_pool(min_size=2, max_size=3, configure=configure)
    db.wait()
    assert seen == [(True, {"one": 1}, pycopg.TransactionStatus.IDLE, "pycopg-configure")] * 2
    with db.connection() as a, db.connection() as b, db.connection() as c:
        for conn in (a, b, c):
            assert not conn.autocommit
            assert conn.execute("SHOW work_mem").fetchone() == {"work_mem": "3MB"}
    assert len(seen) == 3
    resets = db.stats["resets_num"]
    for _ in range(10):
        assert db.fetch_val("SHOW work_mem") == "3MB"
    assert db.stats["resets_num"] == resets


def test_configure_is_called_again_after_a_reset_that_wiped_the_session(make_pool: MakePool) -> None:
    calls: list[int] = []

    def configure(conn: Connection) -> None:
        calls.append(conn.info.backend_pid)
        conn.execute("SET work_mem = '3MB'")
        conn.execute("PREPARE mine AS SELECT 5 AS five")

    db = make_pool(min_size=1, max_size=1, configure=configure)
    for count in range(1, 4):
        assert db.execute("EXECUTE mine") == [{"five": 5}]
        assert len(calls) == count
        db.execute("SET work_mem = '1MB'")
        assert db.fetch_val("SHOW work_mem") == "3MB"
    assert len(set(calls)) == 1


def test_its_connection_is_of_no_use_afterwards(make_pool: MakePool) -> None:
    kept: list[Connection] = []
    db = make_pool(max_size=1, configure=kept.append)
    db.wait()
    assert kept[0].closed
    for use in (lambda: kept[0].execute("SELECT 1"), lambda: kept[0].info.backend_pid, kept[0].__enter__):
        with pytest.raises(pycopg.InterfaceError):
            use()
    assert db.fetch_val("SELECT 1") == 1


def raise_key_error(conn: Connection) -> None:
    raise KeyError("tenant")


def exit_thread(conn: Connection) -> None:
    raise SystemExit(3)


def leave_block_open(conn: Connection) -> None:
    conn.transaction().__enter__()


async def a_coroutine() -> None: ...


@pytest.mark.parametrize(
    ("configure", "cause"),
    [
        (raise_key_error, "KeyError: 'tenant'"),
        (exit_thread, "SystemExit: 3"),
        (lambda conn: conn.execute("SELECT 1 FROM nowhere"), 'UndefinedTable: relation "nowhere" does not exist'),
        (lambda conn: conn.execute("BEGIN"), "it has left a transaction open"),
        (leave_block_open, "it has closed the connection, or kept it"),
        (lambda conn: conn.close(), "it has closed the connection, or kept it"),
        (lambda conn: a_coroutine(), "TypeError: it gave something to await"),
    ],
)
def test_configure_that_fails_is_a_failed_connect_whose_reason_is_told(
    make_pool: MakePool, configure: Any, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    db = make_pool(min_size=0, max_size=1, configure=configure)
    with caplog.at_level(logging.CRITICAL, "pycopg"), pytest.raises(pycopg.PoolTimeout) as raised:
        db.connection(timeout=0.2).__enter__()
    assert f"configure failed: {cause}" in str(raised.value)
    assert cause in str(raised.value.__cause__)
    assert db.stats["connections_errors"] >= 1
    assert db.stats["pool_size"] == 0


def test_a_failure_is_logged_with_its_traceback_and_ends_when_the_function_works(
    make_pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    fails = threading.Event()
    fails.set()

    def configure(conn: Connection) -> None:
        if fails.is_set():
            raise_key_error(conn)

    with caplog.at_level(logging.WARNING, "pycopg"):
        db = make_pool(min_size=1, max_size=1, configure=configure)
        eventually(lambda: "raise_key_error" in caplog.text)
    assert "configure of PooledDatabase('postgres', size=0/1) failed" in caplog.text
    fails.clear()
    assert db.fetch_val("SELECT 1") == 1


def test_configure_that_blocks_holds_up_nobody_and_close_does_not_wait_for_it(
    make_pool: MakePool, barrier: threading.Event
) -> None:
    calls: list[int] = []
    errors: list[BaseException] = []
    over = threading.Event()

    def configure(conn: Connection) -> None:
        calls.append(conn.info.backend_pid)
        if len(calls) == 1:
            return
        barrier.wait()
        try:
            conn.execute("SELECT 1")
        except pycopg.Error as error:
            errors.append(error)
        over.set()

    db = make_pool(min_size=2, max_size=2, num_workers=1, configure=configure)
    eventually(lambda: len(calls) == 2)
    for _ in range(100):
        assert db.fetch_val("SELECT 1") == 1
    began = time.monotonic()
    db.close(timeout=0)
    assert time.monotonic() - began < 2
    barrier.set()
    assert over.wait(10)
    assert [type(error) for error in errors] == [pycopg.InterfaceError]
    assert "taken back" in str(errors[0])


def test_configure_that_does_not_return_is_given_up(
    make_pool: MakePool, barrier: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    db = make_pool(min_size=1, max_size=1, connect_timeout=0.05, configure=lambda conn: barrier.wait())

    def words() -> str:
        with pytest.raises(pycopg.PoolTimeout) as raised:
            db.connection(timeout=0.01).__enter__()
        return str(raised.value)

    eventually(lambda: "1 earlier calls have not returned yet" in words())
    barrier.set()
    assert db.fetch_val("SELECT 1") == 1


def test_configure_may_call_the_pool(make_pool: MakePool) -> None:
    answers: list[Any] = []
    pools: list[PooledDatabase] = []

    def configure(conn: Connection) -> None:
        if pools:
            answers.append((pools[0].fetch_val("SELECT 1"), pools[0].stats["pool_max"], repr(pools[0])))

    db = make_pool(min_size=1, max_size=2, configure=configure)
    db.wait()
    pools.append(db)
    db.resize(2, 2)
    eventually(lambda: db.stats["pool_size"] == 2)
    assert [answer[:2] for answer in answers] == [(1, 2)]


def test_credentials_are_asked_for_before_each_connect(server_url: str, schema: str, db: PooledDatabase) -> None:
    db.execute("CREATE ROLE app LOGIN; CREATE ROLE batch LOGIN")
    given: list[Any] = [{"user": "app", "password": "x"}]
    calls = 0

    def credentials() -> Any:
        nonlocal calls
        calls += 1
        return given[-1]

    pool = PooledDatabase.from_url(server_url, 1, 1, credentials=credentials)
    try:
        assert pool.fetch_val("SELECT current_user::text") == "app"
        for answer, user in (
            (Config(user="batch"), "batch"),
            ({}, "postgres"),
            ({"user": None, "password": ""}, "postgres"),
        ):
            given.append(answer)
            before = calls
            pool.drain()
            assert pool.fetch_val("SELECT current_user::text") == user
            assert calls == before + 1
    finally:
        pool.close()
        db.execute("DROP ROLE app; DROP ROLE batch")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ({"password": b"secret"}, "TypeError: the password is no string, but bytes"),
        (None, "AttributeError"),
        ({"password": "a\0b"}, "it gave a string with a NUL"),
    ],
)
def test_credentials_that_make_no_sense_are_a_failed_connect(
    make_pool: MakePool, answer: Any, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    db = make_pool(min_size=0, max_size=1, credentials=lambda: answer)
    with caplog.at_level(logging.CRITICAL, "pycopg"), pytest.raises(pycopg.PoolTimeout) as raised:
        db.connection(timeout=0.2).__enter__()
    assert f"credentials failed: {cause}" in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("kind", [PooledDatabase, AsyncPooledDatabase])
def test_credentials_may_be_a_coroutine_function_and_give_any_keyword(kind: Any, server_url: str) -> None:
    async def credentials() -> dict[str, Any]:
        await NextRound()
        return {"application_name": "told", "connect_timeout": 7, "user": None}

    async def use() -> None:
        pool = kind.from_url(server_url, 1, 1, credentials=credentials)
        db = pool if kind is AsyncPooledDatabase else AsyncPooledDatabase(pool)
        async with db:
            assert await db.fetch_val("SHOW application_name") == "told"

    asyncio.run(use())


def test_credentials_that_name_an_unknown_keyword_are_a_failed_connect(make_pool: MakePool) -> None:
    db = make_pool(min_size=0, max_size=1, credentials=lambda: {"colour": "red"})
    with pytest.raises(pycopg.OperationalError, match='invalid connection option "colour"'):
        db.connection(timeout=0.5).__enter__()


def test_credentials_serve_for_their_time(make_pool: MakePool) -> None:
    calls = 0

    def credentials() -> dict[str, str]:
        nonlocal calls
        calls += 1
        return {}

    db = make_pool(min_size=1, max_size=1, credentials=credentials, credentials_ttl=60.0)
    for _ in range(3):
        assert db.fetch_val("SELECT 1") == 1
        db.drain()
    assert db.fetch_val("SELECT 1") == 1
    assert calls == 1
    with pytest.raises(ValueError, match="credentials_ttl"):
        make_pool(credentials_ttl=-1.0)


def test_what_can_only_be_awaited_is_refused() -> None:
    async def configure(conn: Connection) -> None: ...

    for kind in (PooledDatabase, AsyncPooledDatabase):
        with pytest.raises(TypeError, match="configure = .* it must not be a coroutine function"):
            kind(Config(), configure=configure)
        with pytest.raises(TypeError, match="reconnect_failed = .* it must not be a coroutine function"):
            kind(Config(), reconnect_failed=configure)
        with pytest.raises(TypeError, match="credentials = 5: it must be a function"):
            kind(Config(), credentials=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="check = .* it must not be a coroutine function"):
        PooledDatabase(Config(), check=configure)


def test_with_asyncio_neither_runs_on_the_event_loops_thread(server_url: str, barrier: threading.Event) -> None:
    threads: list[str] = []
    blocked = threading.Event()

    def configure(conn: Connection) -> None:
        threads.append(threading.current_thread().name)
        conn.execute("SET work_mem = '3MB'")
        if len([name for name in threads if name == "pycopg-configure"]) == 2:
            blocked.set()
            barrier.wait()

    def credentials() -> dict[str, str]:
        threads.append(threading.current_thread().name)
        return {}

    async def use() -> None:
        db = AsyncPooledDatabase.from_url(server_url, 2, 2, num_workers=1, configure=configure, credentials=credentials)
        opening = asyncio.ensure_future(db.open())
        while not blocked.is_set():
            await NextRound()
        assert await db.fetch_val("SHOW work_mem") == "3MB"  # the loop goes on, and so does the pool
        assert not opening.done()
        barrier.set()
        await opening
        async with db.connection() as a, db.connection() as b:
            for conn in (a, b):
                assert await (await conn.execute("SHOW work_mem")).fetchone() == {"work_mem": "3MB"}
        await db.close()

    asyncio.run(use())
    assert set(threads) == {"pycopg-configure", "pycopg-credentials"}


def test_the_childs_connections_are_configured_too(make_pool: MakePool) -> None:
    from test_processes import in_child

    db = make_pool(min_size=1, max_size=1, configure=lambda conn: conn.execute("SET work_mem = '3MB'"))
    assert db.fetch_val("SHOW work_mem") == "3MB"

    def child() -> None:
        assert db.fetch_val("SHOW work_mem") == "3MB"
        db.close()

    assert in_child(child) == 0


@pytest.mark.parametrize("where", ["configure", "credentials"])
@pytest.mark.parametrize(
    "how",
    ["while True: pass", "threading.Event().wait()", "db.execute('SELECT pg_sleep(1000)')"],
    ids=["busy", "asleep", "in"],
)
def test_a_program_ends_while_a_callback_does_not_return(schema: str, where: str, how: str) -> None:
    program = Program(
        f"""
        db.wait()
        began = threading.Event()
        def stuck(*arguments):
            ready()
            began.set()
            {how}
        other = pycopg.PooledDatabase.from_env(min_size=1, max_size=1, {where}=stuck)
        began.wait()
        """
    )
    program.wait_until_ready()
    code, errors, took = program.end()
    assert (code, errors) == (0, "")
    assert took < 1.5
