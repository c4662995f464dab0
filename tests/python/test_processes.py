"""Forks, Ctrl-C, and how programs end. Each program is a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, Iterator

import pytest

import pycopg
from conftest import eventually
from program import Program
from pycopg import PooledDatabase, _native

MakePool = Callable[..., PooledDatabase]


def in_child(body: Callable[[], object]) -> int:
    """Runs `body` in a forked child. 0: it returned."""
    pid = os.fork()
    if pid == 0:
        try:
            body()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_childs_pool_is_as_new_and_the_parents_untouched(make_pool: MakePool) -> None:
    db = make_pool(min_size=2, max_size=2)
    db.wait()
    with db.connection() as lease:
        pid = lease.info.backend_pid

        def child() -> None:
            with pytest.raises(pycopg.InterfaceError, match="parent process"):
                lease.execute("SELECT 1")
            with pytest.raises(pycopg.InterfaceError, match="parent process"):
                lease.__exit__(None, None, None)
            assert lease.closed
            with db.connection() as mine:
                assert mine.info.backend_pid != pid
                assert mine.execute("SELECT %s AS a", [1]).fetchone() == {"a": 1}
            assert db.stats["requests_num"] == 1
            db.close()

        assert in_child(child) == 0
        assert lease.execute("SELECT pg_backend_pid() AS pid").fetchone() == {"pid": pid}
    assert db.stats["connections_num"] == 2
    assert db.stats["connections_lost"] == 0


def test_a_child_of_a_program_with_many_threads_has_threads_of_its_own(make_pool: MakePool) -> None:
    db = make_pool(min_size=4, max_size=4)
    going_on = threading.Event()
    going_on.set()

    def ask_again() -> None:
        while going_on.is_set():
            assert db.fetch_val("SELECT %s::int", [1]) == 1

    threads = [threading.Thread(target=ask_again) for _ in range(100)]

    def child() -> None:
        mine = [threading.Thread(target=db.fetch_val, args=("SELECT 1",)) for _ in range(50)]
        for thread in mine:
            thread.start()
        for thread in mine:
            thread.join()
        assert db.stats["requests_num"] == 50
        db.close()

    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            began = db.stats["requests_num"]
            eventually(lambda: db.stats["requests_num"] > began + 500)  # noqa: B023
            assert in_child(child) == 0
    finally:
        going_on.clear()
        for thread in threads:
            thread.join()


def test_a_thread_that_computes_does_not_keep_the_others_out(make_pool: MakePool) -> None:
    db = make_pool(min_size=4, max_size=4)
    asking = threading.Event()
    asking.set()

    def compute() -> None:
        while asking.is_set():
            sum(range(1000))

    computing = threading.Thread(target=compute)
    computing.start()
    try:
        threads = [threading.Thread(target=lambda: [db.fetch_val("SELECT 1") for _ in range(50)]) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        asking.clear()
        computing.join()
    assert db.stats["requests_num"] == 5000
    assert db.stats["requests_errors"] == 0


def test_the_child_has_a_pool_for_its_own_event_loop(server_url: str) -> None:
    db = pycopg.AsyncPooledDatabase.from_url(server_url, 1, 1)

    async def ask() -> object:
        await db.open()
        async with db.connection() as conn:
            return conn.info.backend_pid

    pid = asyncio.run(ask())

    def child() -> None:
        assert asyncio.run(ask()) != pid
        asyncio.run(db.close())

    assert in_child(child) == 0
    assert asyncio.run(ask()) == pid
    asyncio.run(db.close())


def test_forking_while_other_threads_query(make_pool: MakePool) -> None:
    db = make_pool(max_size=2)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            assert db.fetch_val("SELECT %s::int", [5]) == 5

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            assert in_child(lambda: db.execute("SELECT 1")) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert db.stats["connections_lost"] == 0


_inherited: PooledDatabase


def double(number: int) -> object:
    return _inherited.fetch_val("SELECT %s::int * 2", [number])


def test_a_child_ends_without_the_parents_other_threads(make_pool: MakePool) -> None:
    db = make_pool(min_size=2)

    def query() -> None:
        with contextlib.suppress(pycopg.PoolClosed):
            db.execute("SELECT pg_sleep(100) /* other thread */")

    thread = threading.Thread(target=query)
    thread.start()
    eventually(lambda: db.fetch_val("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%other thread */'"))
    patience_s = 20.0
    began = time.monotonic()
    assert in_child(lambda: _native.end_calls(patience_s)) == 0
    assert time.monotonic() - began < patience_s / 2
    db.close(timeout=0)
    thread.join()


def test_multiprocessing(db: PooledDatabase) -> None:
    global _inherited
    _inherited = db
    assert db.fetch_val("SELECT 1") == 1
    with multiprocessing.get_context("fork").Pool(2) as workers:
        assert workers.map(double, range(20)) == [2 * number for number in range(20)]
    assert db.fetch_val("SELECT 1") == 1


# programs


@pytest.fixture
def watch(server_url: str) -> Iterator[Callable[[str, int], None]]:
    """Waits until there are so many sessions that run this statement."""
    with PooledDatabase.from_url(server_url, 1, 1) as db:

        def watch(pattern: str, count: int) -> None:
            sql = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND state = 'active'"
            eventually(lambda: db.fetch_val(sql, [pattern]) == count)

        yield watch


def test_subinterpreters_are_refused() -> None:
    program = """
        import pycopg, sys
        db = pycopg.PooledDatabase.from_env(min_size=0)
        if sys.version_info >= (3, 13):
            import _interpreters as interpreters
            kind = interpreters.create('legacy')
        else:
            import _xxsubinterpreters as interpreters
            kind = interpreters.create(isolated=False)
        interpreters.run_string(kind, '''if True:
            try:
                import pycopg
            except ImportError as error:
                print(error)
        ''')
        print(db.fetch_val("SELECT 'and the first goes on'"))
        """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    refusal, *rest = done.stdout.splitlines()
    assert refusal.startswith("pycopg can't be used in a subinterpreter"), done.stdout + done.stderr
    assert rest == ["and the first goes on"], done.stderr


@pytest.mark.parametrize(
    ("setup", "call"),
    [
        ("", "db.execute('SELECT pg_sleep(100)')"),
        ("", "db.execute_many('SELECT pg_sleep(%s)', [[100], [100]])"),
        ("c = db.connection(); c.__enter__()", "c.execute('SELECT pg_sleep(100)')"),
        ("db.resize(1, 1); c = db.connection(); c.__enter__()", "db.execute('SELECT 1')"),
        ("db.resize(1, 1); c = db.connection(); c.__enter__()", "db.connection().__enter__()"),
        ("db = pycopg.PooledDatabase(pycopg.Config(host='192.0.2.1'))", "db.execute('SELECT 1')"),
        ("db = pycopg.PooledDatabase(pycopg.Config(host='192.0.2.1'))", "db.wait(100)"),
        ("c = db.connection(); c.__enter__()", "db.close(100)"),
        (
            "c = db.connection(); c.__enter__();"
            "threading.Thread(target=lambda: c.execute('SELECT pg_sleep(100) /* shared */'), daemon=True).start();"
            "sql = 'SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s';"
            "[... for _ in iter(lambda: db.fetch_val(sql, ['%shared */']), 1)]",
            "c.execute('SELECT 1')",
        ),
    ],
)
def test_ctrl_c_interrupts_every_blocking_call(schema: str, setup: str, call: str) -> None:
    program = Program(
        f"""
        import ctypes
        {setup}
        began = 0
        def interrupt():
            global began
            # Not before the main thread sleeps inside the call.
            while open(f'/proc/{{os.getpid()}}/stat').read().rsplit(')', 1)[1].split()[0] != 'S': pass
            began = time.monotonic()
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt).start()
        try:
            {call}
        except KeyboardInterrupt:
            took = time.monotonic() - began
            print('interrupted', took, flush=True)
            threading.excepthook = lambda _: None
            os._exit(0 if took < 0.15 else 3)
        """
    )
    out, errors = program.process.communicate(timeout=30)
    assert program.process.returncode == 0, out + errors
    assert out.startswith("interrupted")


def test_after_ctrl_c_the_pool_goes_on(schema: str) -> None:
    program = Program(
        """
        db.resize(1, 1)
        for sql in ('SELECT pg_sleep(100)',) * 3:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                db.execute(sql)
            except KeyboardInterrupt:
                pass
            assert db.fetch_val('SELECT 1') == 1
        c = db.connection()
        c.__enter__()  # by hand: whose lease it is is not known, so that the next call waits
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            db.execute('SELECT 1')
        except KeyboardInterrupt:
            pass
        assert db.stats['requests_waiting'] == 0
        assert db.stats['requests_cancelled'] == 1
        c.__exit__(None, None, None)
        assert db.fetch_val('SELECT 1') == 1
        ready()
        """
    )
    program.wait_until_ready()
    assert program.end()[:2] == (0, "")


def test_a_signal_handler_that_raises_nothing_lets_the_query_go_on(schema: str) -> None:
    program = Program(
        """
        calls = []
        signal.signal(signal.SIGALRM, lambda *_: calls.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        assert db.fetch_val("SELECT 'x' FROM pg_sleep(0.3)") == 'x'
        assert len(calls) > 3, calls
        signal.setitimer(signal.ITIMER_REAL, 0)
        ready()
        """
    )
    program.wait_until_ready()
    assert program.end()[:2] == (0, "")


def test_a_terminated_program_leaves_no_session(schema: str, watch: Callable[[str, int], None]) -> None:
    program = Program("ready(); db.execute('SELECT pg_sleep(100) /* terminated */')")
    program.wait_until_ready()
    watch("%terminated */", 1)
    program.process.send_signal(signal.SIGTERM)
    assert program.end()[0] == -signal.SIGTERM
    with contextlib.suppress(ProcessLookupError):
        program.process.kill()
