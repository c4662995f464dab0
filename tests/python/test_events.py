"""What observers and the log are told: each event, on threads and on event loops, and what hooks may do."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import pycopg
from conftest import Database, eventually, eventually_async
from program import Program
from pycopg import AsyncPooledDatabase, PooledDatabase, events

MakePool = Callable[..., PooledDatabase]
Run = Callable[..., None]


class Recorder:
    """Has every hook."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ("statement_began", "statement_ended"):
            raise AttributeError(name)
        return lambda event: self.seen.append((name, event))

    def of(self, name: str) -> list[Any]:
        return [event for hook, event in self.seen if hook == name]


class Tracer:
    """Keeps what it is told of statements, and where it was told."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []

    def statement_began(self, event: events.StatementBegan) -> dict[str, Any]:
        span = {"began": event, "thread": threading.get_ident(), "context": who.get()}
        self.spans.append(span)
        return span

    def statement_ended(self, event: events.StatementEnded, begun: dict[str, Any]) -> None:
        assert "ended" not in begun
        begun["ended"] = event
        begun["ended_on"] = threading.get_ident()


who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


def test_an_observer_is_told_of_a_connections_life(make_pool: MakePool) -> None:
    seen = Recorder()
    db = make_pool(min_size=0, max_size=1, name="orders", leak_after=0.03, observer=seen)
    with db.connection() as conn:
        conn.execute("SET work_mem = '1MB'")
        pid = conn.info.backend_pid
        eventually(lambda: seen.of("leaked"))
    eventually(lambda: seen.of("reset"))
    with db.connection() as conn:
        conn.close()
    eventually(lambda: seen.of("closed"))
    [opened] = seen.of("opened")
    assert (opened.pool, opened.connection, opened.backend_pid) == ("orders", 1, pid)
    assert opened.connect > 0
    assert opened.connect_time == pytest.approx(opened.credentials + opened.connect + opened.configure)
    [first, second] = seen.of("acquired")
    assert first.wait > 0
    assert second.wait == 0 or second.wait < 1
    assert [event.usage > 0 for event in seen.of("released")] == [True, True]
    [leaked] = seen.of("leaked")
    assert "test_events.py" in leaked.holder
    assert leaked.age >= 0.03
    [closed] = seen.of("closed")
    assert isinstance(closed, events.Closed)
    assert (closed.reason, closed.text, closed.connection) == ("discarded", "", 1)


def test_an_event_loops_pool_tells_the_same(run: Run, server_url: str) -> None:
    seen = Recorder()

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, 1, observer=seen) as db:
            await db.execute("SELECT 1")
            await db.execute("DO $$ BEGIN RAISE NOTICE 'hear, hear'; END $$")
            with pytest.raises(pycopg.PoolTimeout):
                async with db.connection(), db.connection(timeout=0.01):
                    pass
            await eventually_async(lambda: seen.of("acquire_failed"))
        eventually(lambda: seen.of("closed"))

    asyncio.run(main())
    assert len(seen.of("opened")) == 1
    assert len(seen.of("acquired")) == 3
    assert seen.of("acquire_failed")[0].kind in ("pool_timeout", "pool_deadlock")
    [noticed] = seen.of("noticed")
    assert (noticed.severity, noticed.sqlstate, noticed.message) == ("NOTICE", "00000", "hear, hear")
    assert seen.of("closed")[0].reason == "pool_closed"


def test_the_servers_last_words_are_told_and_logged(make_pool: MakePool, caplog: pytest.LogCaptureFixture) -> None:
    seen = Recorder()
    db = make_pool(min_size=1, max_size=1, name="orders", observer=seen)
    admin = make_pool(min_size=1, max_size=1)
    with caplog.at_level(logging.DEBUG, "pycopg"):
        admin.execute("SELECT pg_terminate_backend(%s, 10000)", [db.fetch_val("SELECT pg_backend_pid()")])
        eventually(lambda: seen.of("closed"))
        eventually(lambda: "was lost" in caplog.text)
    [closed] = seen.of("closed")
    words = "FATAL: terminating connection due to administrator command"
    assert (closed.reason, closed.text) == ("broken", words)
    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.getMessage().startswith("pool 'orders': connection 1 (backend ")
    assert record.getMessage().endswith(f"(broken): {words}")
    assert (record.name, vars(record)["pool"], vars(record)["connection"]) == ("pycopg", "orders", 1)
    assert vars(record)["event"] == "closed"


def test_an_outage_is_told(database: Database) -> None:
    database.shut()
    seen = Recorder()
    with PooledDatabase(database.config, 1, 1, name="orders", observer=seen) as db:
        eventually(lambda: len(seen.of("open_failed")) >= 2)
        [began] = seen.of("outage_began")
        assert "pool 'orders' can't connect" in began.error
        assert began.sqlstate == "55000"
        database.open()
        assert db.fetch_val("SELECT 1") == 1
        eventually(lambda: seen.of("outage_ended"))
        [ended] = seen.of("outage_ended")
        assert ended.failures >= 2
        assert ended.duration > 0


def test_opens_and_closes_are_logged_at_debug(make_pool: MakePool, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "pycopg"):
        db = make_pool(min_size=1, max_size=1, name="orders")
        db.wait()
        db.drain()
        eventually(lambda: "(drained)" in caplog.text)
    assert "pool 'orders': connection 1 (backend" in caplog.text
    assert "was opened in" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_what_is_slow_is_told_and_logged(make_pool: MakePool, caplog: pytest.LogCaptureFixture) -> None:
    seen = Recorder()
    with caplog.at_level(logging.WARNING, "pycopg"):
        db = make_pool(min_size=1, max_size=1, slow_statement=0.03, slow_acquire=0.03, observer=seen)
        db.wait()  # so that no request waits for a connect
        db.execute("SELECT 'quick'")
        thread = threading.Thread(target=db.execute, args=("SELECT pg_sleep(%s)", [0.05]))
        with db.connection():
            thread.start()
            eventually(lambda: db.stats["requests_waiting"] == 1)
            threading.Event().wait(0.05)  # the wait that is to be told
        thread.join()
        eventually(lambda: seen.of("slow_statement") and seen.of("slow_acquire"))
        eventually(lambda: len(caplog.records) == 2)
    [slow] = seen.of("slow_statement")
    assert (slow.text, slow.rows, slow.error) == ("SELECT pg_sleep($1)", 1, None)
    assert slow.took >= 0.05
    assert "a request has waited" in caplog.text
    assert "a statement took" in caplog.text
    assert "0.05" not in caplog.text.replace("a request", "").split("pg_sleep")[1], "parameters are not told"


def test_listeners_tell_of_gaps(make_pool: MakePool) -> None:
    seen = Recorder()
    db = make_pool(observer=seen)
    with db.listen("news", queue=1):
        for _ in range(3):
            db.notify("news")
        eventually(lambda: seen.of("gap"))
    assert (seen.of("gap")[0].reconnected, seen.of("gap")[0].channels) == (False, ("news",))


def test_several_observers_are_told_in_order_and_one_that_raises_is_reported_once(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: reported.append(args.exc_value))

    class Raises:
        calls = 0

        def released(self, event: events.Released) -> None:
            Raises.calls += 1
            raise KeyError("an observer's own")

    seen = Recorder()
    db = make_pool(observer=[Raises(), seen])
    for _ in range(3):
        db.execute("SELECT 1")
    eventually(lambda: len(seen.of("released")) == 3)
    assert Raises.calls == 3
    assert [str(error) for error in reported] == ['"an observer\'s own"']


def test_a_hook_may_call_the_pool_and_take_its_time(make_pool: MakePool) -> None:
    answers = []

    class Curious:
        def closed(self, event: events.Closed) -> None:
            if event.reason != "pool_closed":
                answers.append(db.fetch_val("SELECT 1"))

    db = make_pool(min_size=1, max_size=2, observer=Curious())
    with db.connection() as conn:
        conn.close()
    eventually(lambda: answers == [1])


def test_an_object_without_hooks_is_no_observer(server_url: str) -> None:
    with pytest.raises(TypeError, match=r"observer = 3: it has none of the hooks: acquired, "):
        PooledDatabase.from_url(server_url, observer=3)


def test_statements_are_told_on_the_thread_of_their_caller(make_pool: MakePool) -> None:
    tracer = Tracer()
    db = make_pool(max_size=1, name="orders", observer=tracer)
    who.set("ada")
    assert db.execute("SELECT %s::int AS n", [7]) == [{"n": 7}]
    [span] = tracer.spans
    assert (span["context"], span["thread"], span["ended_on"]) == ("ada", *[threading.get_ident()] * 2)
    began, ended = span["began"], span["ended"]
    assert (began.verb, began.text, len(began.types), began.pool) == ("execute", "SELECT $1::int AS n", 1, "orders")
    assert (ended.rows, ended.connection, ended.kind, ended.error) == (1, 1, None, None)
    assert ended.took > 0
    with pytest.raises(pycopg.DataError):
        db.execute("SELECT 1/0")
    ended = tracer.spans[-1]["ended"]
    assert (ended.kind, ended.sqlstate, ended.error) == ("query_failed", "22012", "division by zero")
    with db.connection() as conn:
        conn.execute("SELECT 1")
    db.execute_many("SELECT %s::int", [[1], [2]])
    db.execute_all(["SELECT 1", "SELECT 2"])
    with db.stream("SELECT 1") as rows:
        list(rows)
    assert [span["ended"].verb for span in tracer.spans[2:]][:4] == ["execute", "commit", "execute_many", "execute_all"]
    assert tracer.spans[5]["began"].statements == 2
    assert any(span["ended"].verb == "stream" for span in tracer.spans)
    db.execute("CREATE TABLE copied (n int)")
    db.copy_in("copied", [[1], [2]])
    assert tracer.spans[-1]["ended"].verb in ("copy", "commit")


def test_statements_are_told_in_the_context_of_their_task(run: Run, server_url: str) -> None:
    tracer = Tracer()

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, 2, observer=tracer) as db:

            async def ask(name: str) -> None:
                who.set(name)
                await db.execute(f"SELECT '{name}'")

            names = [f"task {n}" for n in range(20)]
            await asyncio.gather(*map(ask, names))
            assert sorted(span["context"] for span in tracer.spans) == sorted(names)
            for span in tracer.spans:
                assert span["began"].text == f"SELECT '{span['context']}'"
                assert span["ended"].rows == 1
            task = asyncio.create_task(db.execute("SELECT pg_sleep(10)"))
            await eventually_async(lambda: db.stats["leased"] == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            del task
            gc.collect()
            assert tracer.spans[-1]["ended"].abandoned

    asyncio.run(main())


def test_a_statement_hook_that_raises_harms_nobody(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: reported.append(args.exc_value))

    class Raises:
        def statement_began(self, event: events.StatementBegan) -> None:
            raise KeyError("before")

        def statement_ended(self, event: events.StatementEnded, begun: object) -> None:
            raise KeyError("after")

    db = make_pool(observer=Raises())
    assert [db.fetch_val("SELECT 1") for _ in range(3)] == [1, 1, 1]
    with pytest.raises(pycopg.DataError):
        db.execute("SELECT 1/0")
    assert [str(error) for error in reported] == ["'before'", "'after'"]


def test_a_pool_and_its_observer_that_know_each_other_are_collected(server_url: str) -> None:
    import weakref

    class Knows:
        db: Any = None

        def opened(self, event: events.Opened) -> None: ...

    observer = Knows()
    observer.db = PooledDatabase.from_url(server_url, 1, 1, observer=observer)
    observer.db.wait()
    observer.db.close()
    gone = weakref.ref(observer)
    del observer
    eventually(lambda: gc.collect() is not None and gone() is None)


def test_a_forked_child_tells_its_own_events(make_pool: MakePool) -> None:
    seen = Recorder()
    db = make_pool(min_size=1, max_size=1, observer=seen)
    db.execute("SELECT 1")
    eventually(lambda: seen.of("released"))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            seen.seen.clear()
            db.execute("SELECT 1")
            eventually(lambda: seen.of("opened") and seen.of("released"))
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


STORM = """
    from pycopg import events
    class All:
        def __getattr__(self, name):
            if name.startswith('_'): raise AttributeError(name)
            return lambda *event: None
    other = pycopg.PooledDatabase.from_env(min_size=1, max_size=4, observer=All(), slow_statement=0)
    def work():
        try:
            while True: other.fetch_val('SELECT %s', [1])
        except pycopg.Error: pass
    for _ in range(20): threading.Thread(target=work, daemon=True).start()
    while other.stats['requests_num'] < 500: pass
    ready()
    """
LAST = """
    class Last:
        def closed(self, event): print('told', event.reason, flush=True)
    other = pycopg.PooledDatabase.from_env(min_size=1, max_size=1, observer=Last())
    other.wait()
    ready()
    """


def test_a_program_ends_in_the_middle_of_events(server_url: str) -> None:
    program = Program(STORM)
    program.wait_until_ready()
    code, errors, _ = program.end()
    assert code == 0, errors
    assert "Traceback" not in errors


def test_the_end_of_a_program_is_told(server_url: str) -> None:
    for _ in range(3):  # the end waits for a second at most, which is short where others compute
        program = Program(LAST)
        program.wait_until_ready()
        output, errors = program.process.communicate(timeout=20)
        assert (program.process.returncode, errors) == (0, "")
        if output:
            break
    assert output == "told pool_closed\n"
