"""The page of troubles by error text: each message on it is one that the pool gives, of the class that it names."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pycopg
from conftest import NextRound, eventually
from pgbouncer import pgbouncer
from test_reference import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
MESSAGES = dict(re.findall(r"^### `(.*)`\n\n(?:`(\w+)`|A warning in the log)", PAGE.read_text(), re.MULTILINE))
Make = Callable[..., pycopg.PooledDatabase]


@contextlib.contextmanager
def held(db: pycopg.PooledDatabase, connections: int = 1) -> Iterator[None]:
    """Another thread has this many connections."""
    taken, done = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with db.connection():
            taken.release()
            done.wait(30)

    threads = [threading.Thread(target=hold) for _ in range(connections)]
    for thread in threads:
        thread.start()
        assert taken.acquire(timeout=30)
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def all_leased(make: Make) -> None:
    db = make(max_size=1)
    with held(db):
        db.execute("SELECT 1", timeout=0.05)


def all_idle(make: Make) -> None:
    db = make(max_size=2)
    with held(db, 2):
        db.execute("SELECT 1", timeout=0.05)


def holds_one_itself(make: Make) -> None:
    db = make(max_size=2)
    with held(db), db.connection():
        db.execute("SELECT 1", timeout=0.05)


def deadlock(make: Make) -> None:
    db = make(max_size=1)
    with db.connection():
        db.execute("SELECT 1")


def to(make: Make, **changed: Any) -> pycopg.PooledDatabase:
    config = pycopg.Config.from_url(make().config.dsn)
    for name, value in changed.items():
        setattr(config, name, value)
    return pycopg.PooledDatabase(config, min_size=0, max_size=1)


def nothing_listens(make: Make) -> None:
    with to(make, host="127.0.0.1", port=1) as db:
        db.execute("SELECT 1", timeout=0.05)


def no_such_database(make: Make) -> None:
    with to(make, database="no_such_database") as db:
        db.execute("SELECT 1")


def no_such_host(make: Make) -> None:
    with to(make, host="no-such-host.invalid") as db:
        db.execute("SELECT 1")


def too_many(make: Make) -> None:
    db = make(max_size=1, max_waiting=1)
    waiter = threading.Thread(target=lambda: db.execute("SELECT 1"))
    try:
        with held(db):
            waiter.start()
            eventually(lambda: db.stats["requests_waiting"] == 1)
            db.execute("SELECT 1")
    finally:
        waiter.join()


def closed(make: Make) -> None:
    db = make()
    db.close()
    db.execute("SELECT 1")


def cut_off(make: Make) -> None:
    db = make()
    with db.connection() as conn:
        db.close(timeout=0.0)
        conn.execute("SELECT 1")


def no_turn(make: Make) -> None:
    async def main() -> None:
        async with pycopg.AsyncPooledDatabase.from_url(make().config.dsn, 1, 1) as db, db.connection() as conn:
            first = asyncio.create_task(conn.execute("SELECT pg_sleep(0.5)"))
            await NextRound()
            try:
                await conn.fetch_val("SELECT 1", timeout=0.05)
            finally:
                await first

    asyncio.run(main())


def more_than_the_server_has(make: Make) -> None:
    db = make(max_size=100_000)
    db.execute("SELECT 1")


def through_a_pooler(make: Make) -> None:
    with pgbouncer(make().config, "transaction") as config, pycopg.PooledDatabase(config, min_size=1, max_size=1) as db:
        assert db.fetch_val("SELECT 42") == 42


def commit(make: Make, body: str) -> None:
    db = make()
    db.execute(
        "CREATE TABLE late (id int);"
        f"CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {body}; RETURN NULL; END';"
        "CREATE CONSTRAINT TRIGGER later AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION later()"
    )
    with db.transaction(timeout=0.5) as conn:
        conn.execute("INSERT INTO late VALUES (1)")


def statement_timeout(make: Make) -> None:
    with make().transaction(settings={"statement_timeout": 20}) as conn:
        conn.execute("SELECT pg_sleep(30)")


def given_up(make: Make) -> None:
    with make().connection() as conn:
        with contextlib.suppress(pycopg.QueryTimeout):
            conn.execute("SELECT pg_sleep(30)", timeout=0.05)
        conn.execute("SELECT 1")


def idle_in_transaction(make: Make) -> None:
    db = make()
    with db.transaction(settings={"idle_in_transaction_session_timeout": 20}) as conn:
        pid = conn.execute("SELECT pg_backend_pid()").fetchone()["pg_backend_pid"]
        eventually(lambda: not db.fetch_val("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid]))
        conn.execute("SELECT 1")


def in_the_child(conn: pycopg.Connection, told: Any) -> None:
    try:
        conn.execute("SELECT 1")
    except pycopg.InterfaceError as error:
        told.put(str(error))


def lease_in_a_child(make: Make) -> None:
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    with make().connection() as conn:
        child = context.Process(target=in_the_child, args=(conn, told))
        child.start()
        message = told.get()
        child.join()
    raise pycopg.InterfaceError(message)


def failed(make: Make, after: str | None = None) -> None:
    with make().connection() as conn:
        with contextlib.suppress(pycopg.DataError):
            conn.execute("SELECT 1 / 0")
        if after:
            conn.execute(after)


def given_back(make: Make) -> None:
    with make().connection() as conn:
        pass
    conn.execute("SELECT 1")


def never_left(make: Make) -> None:
    def rows(conn: pycopg.Connection) -> Iterator[Any]:
        with conn.transaction():
            yield conn.fetch_val("SELECT 1")

    with make().connection() as conn:
        conn.execute("SELECT 1")
        left_open = rows(conn)
        next(left_open)


def inside_a_call(make: Make) -> None:
    with make().connection() as conn:
        conn.execute("CREATE TABLE numbers (n int)")
        conn.execute_many("INSERT INTO numbers VALUES (%s)", ([conn.fetch_val("SELECT 1")] for _ in range(3000)))


def leased_for_long(make: Make, told: Callable[[], object], **options: float) -> None:
    with make(**options).connection():
        eventually(told)


def jsonb(make: Make) -> None:
    db = make()
    db.execute("CREATE TABLE documents (data jsonb)")
    db.execute("INSERT INTO documents VALUES (%s)", [[1, 2]])


def statement(query: str, params: Any = None, **options: Any) -> Callable[[Make], object]:
    return lambda make: make(**options).execute(query, params)


# In the order of the page: what provokes the message that begins like this.
PROVOKED: dict[str, Callable[[Make], object]] = {
    "pool '…' had no connection for … s: …/… leased, … av": all_leased,
    "… of … connections are leased": all_idle,
    "; this thread holds": holds_one_itself,
    "pool '…' is deadlocked": deadlock,
    "pool '…' had no connection for … s: 0/": nothing_listens,
    "pool '…' has … requests waiting": too_many,
    "pool '…' had no time left": lambda make: make().execute("SELECT 1", timeout=pycopg.Deadline(0.0)),
    "pool '…' is not open yet": statement("SELECT 1", open=False),
    "pool '…' is closed": closed,
    "pool '…' was closed while": cut_off,
    "no turn on this connection": no_turn,
    "pool '…' can't connect: …": no_such_database,
    "pool '…' can't connect to": no_such_host,
    "the database URL": lambda make: pycopg.PooledDatabase.from_url("mysql://app@db/app"),
    "max_size is": more_than_the_server_has,
    "a pooler stands between": through_a_pooler,
    "pool '…' had no answer": lambda make: make().execute("SELECT pg_sleep(30)", timeout=0.05),
    "no answer to the commit": lambda make: commit(make, "PERFORM pg_sleep(30)"),
    "the connection was lost before the answer to COMMIT": lambda make: commit(
        make, "PERFORM pg_terminate_backend(pg_backend_pid())"
    ),
    "canceling statement due to statement timeout": statement_timeout,
    "the connection is busy": given_up,
    "terminating connection due to administrator": statement("SELECT pg_terminate_backend(pg_backend_pid())"),
    "terminating connection due to idle": idle_in_transaction,
    "this connection belongs to the parent": lease_in_a_child,
    "the transaction was rolled back": failed,
    "current transaction is aborted": lambda make: failed(make, "SELECT 1"),
    "this connection was given back": given_back,
    "a transaction() block of": never_left,
    "this connection is inside a call": inside_a_call,
    "a connection has been leased for": lambda make: None,
    "a connection has been leased without": lambda make: None,
    "the query has": statement("SELECT %s, %s", [1]),
    "could not determine data type": statement("SELECT jsonb_build_object('a', %s)", ["x"]),
    "syntax error at or near": statement("SELECT 1 WHERE 1 IN %s", [[1]]),
    'column "…" is of type jsonb': jsonb,
    "a parameter of type": statement("SELECT %s", [object()]),
    "COPY with STDIN": statement("COPY pg_class TO STDOUT"),
    "the rows of the statement": statement("SELECT generate_series(1, 100000)", max_result_bytes=100_000),
    "LISTEN on a connection": statement("LISTEN jobs"),
    'prepared statement "…"': statement("EXECUTE no_such_statement"),
}
LOGGED_OPTIONS = {
    "a connection has been leased for": {"leak_after": 0.02},
    "a connection has been leased without": {"held_idle_after": 0.02},
}


def test_each_message_of_the_page_is_provoked_and_no_other() -> None:
    unprovoked = [message for message in MESSAGES if sum(message.startswith(it) for it in PROVOKED) != 1]
    assert unprovoked == []
    assert len(MESSAGES) == len(PROVOKED)
    assert len(MESSAGES) == PAGE.read_text().count("\n### ")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda it: it[:40])
def test_the_pool_says_what_the_page_says(message: str, make_pool: Make, caplog: pytest.LogCaptureFixture) -> None:
    name = MESSAGES[message]
    pattern = re.escape(message).replace("…", ".+")
    begins = next(it for it in PROVOKED if message.startswith(it))
    if name:
        with pytest.raises((pycopg.Error, ValueError, TypeError), match=pattern) as raised:
            PROVOKED[begins](make_pool)
        assert type(raised.value).__name__ == name
        return

    def told() -> object:
        return any(re.search(pattern, record.getMessage()) for record in caplog.records)

    caplog.set_level(logging.WARNING, "pycopg")
    if begins in LOGGED_OPTIONS:
        leased_for_long(make_pool, told, **LOGGED_OPTIONS[begins])
    else:
        PROVOKED[begins](make_pool)
    eventually(told)
