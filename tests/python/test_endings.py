"""How programs end with their pools open: at once, in order, and with no session left."""

from __future__ import annotations

import os
import textwrap

import pytest

from conftest import eventually
from program import Program
from pycopg import PooledDatabase

ENDINGS = {
    "an open pool": "db.execute('SELECT 1'); ready()",
    "a pool that cannot connect": """
        import logging
        logging.disable()  # a warning says that it cannot
        db = pycopg.PooledDatabase(pycopg.Config(host='192.0.2.1'))
        ready()
        """,
    "a pool in a reference cycle": "a = [db]; a.append(a); db.execute('SELECT 1'); ready()",
    "a connection held": "c = db.connection(); c.__enter__(); c.execute('SELECT 1'); ready()",
    "a query in flight": """
        thread = threading.Thread(target=db.execute, args=('SELECT pg_sleep(100) /* ending */',), daemon=True)
        thread.start()
        threading.excepthook = lambda _: None
        while not db.stats['requests_num']: pass
        ready()
        """,
    "waiters": """
        threading.excepthook = lambda _: None
        db.resize(1, 1)
        c = db.connection()
        c.__enter__()
        for _ in range(20):
            threading.Thread(target=db.execute, args=('SELECT 1',), daemon=True).start()
        while db.stats['requests_waiting'] < 20: pass
        ready()
        """,
    "threads that never stop": """
        def work():
            try:
                while True: db.fetch_val('SELECT %s', [1])
            except pycopg.PoolClosed: pass
        for _ in range(8): threading.Thread(target=work, daemon=True).start()
        while db.stats['requests_num'] < 1000: pass
        ready()
        """,
    "hundreds of threads that never stop": """
        def work():
            try:
                while True: db.fetch_val('SELECT %s', [1])
            except pycopg.Error: pass  # closed, or lost with others
        for _ in range(300): threading.Thread(target=work, daemon=True).start()
        while db.stats['requests_num'] < 3000: pass
        ready()
        """,
    "threads that query other pools while the interpreter ends": """
        done = []
        def work():
            while True:
                try:
                    with pycopg.PooledDatabase.from_env(min_size=0) as other: done.append(other.fetch_val('SELECT 1'))
                except pycopg.Error: pass
        for _ in range(4): threading.Thread(target=work, daemon=True).start()
        while len(done) < 10: pass
        ready()
        """,
    "a hook of its own": "import atexit; atexit.register(db.close); db.execute('SELECT 1'); ready()",
    "an open pool of asyncio": """
        import asyncio
        async def main():
            global adb
            adb = pycopg.AsyncPooledDatabase.from_env()
            await adb.open()
            await adb.execute('SELECT 1')
        asyncio.run(main())
        ready()
        """,
    "a loop that is left with a query in flight": """
        import asyncio
        async def main():
            global adb
            adb = pycopg.AsyncPooledDatabase.from_env(min_size=1, max_size=1)
            await adb.open()
            for _ in range(3): asyncio.ensure_future(adb.execute('SELECT pg_sleep(100)'))
            while adb.stats['requests_waiting'] < 2: await asyncio.wait([asyncio.ensure_future(adb.wait(0))])
        asyncio.run(main())
        ready()
        """,
    "a thread with an event loop": """
        import asyncio
        async def work():
            global adb
            adb = pycopg.AsyncPooledDatabase.from_env(min_size=1, max_size=1)
            await adb.open()
            await asyncio.gather(*(adb.execute('SELECT pg_sleep(100)') for _ in range(3)), return_exceptions=True)
        threading.Thread(target=lambda: asyncio.run(work()), daemon=True).start()
        while 'adb' not in globals() or adb.stats['requests_waiting'] < 2: pass
        ready()
        """,
    "a class with a close of its own": """
        class Orders(pycopg.PooledDatabase):
            def close(self): super().close()
        orders = Orders.from_env()
        orders.execute('SELECT 1')
        ready()
        """,
    "a fork": """
        import warnings
        warnings.simplefilter('ignore', DeprecationWarning)  # from 3.12 on of every fork where there are threads
        db.execute('SELECT 1')
        pid = os.fork()
        if pid == 0:
            db.execute('SELECT 1')
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        ready()
        """,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_programs_end_at_once(schema: str, ending: str) -> None:
    program = Program(ENDINGS[ending])
    program.wait_until_ready()
    code, errors, took = program.end()
    held = ending in ("a connection held", "waiters")
    assert code == 0, errors
    assert errors == "" or (held and "never given back" in errors), errors
    assert took < 1.0


WORK_AT_THE_END = {
    "a hundred threads": """
        def work():
            while True: db.execute('SELECT pg_sleep(60)')
        for _ in range(100): threading.Thread(target=work, daemon=True).start()
        """,
    "a hundred threads with leases": """
        def work():
            with db.connection() as connection: connection.execute('SELECT pg_sleep(60)')
        for _ in range(100): threading.Thread(target=work, daemon=True).start()
        """,
    "statements that only compute": """
        def work(): db.execute('SELECT count(*) FROM (SELECT generate_series(1, 1000000000)) AS numbers')
        for _ in range(100): threading.Thread(target=work, daemon=True).start()
        """,
    "a hundred tasks in a daemon thread": """
        async def work():
            await adb.open()
            await asyncio.gather(*(adb.execute('SELECT pg_sleep(60)') for _ in range(100)), return_exceptions=True)
        threading.Thread(target=lambda: asyncio.run(work()), daemon=True).start()
        """,
    "a hundred tasks in a loop that is stopped": """
        async def work():
            await adb.open()
            await asyncio.gather(*(adb.execute('SELECT pg_sleep(60)') for _ in range(100)), return_exceptions=True)
        loop = asyncio.new_event_loop()
        task = loop.create_task(work())
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        def before_the_end():
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
        """,
    "several pools": """
        others = [pycopg.PooledDatabase.from_env(min_size=2, max_size=2) for _ in range(2)]
        for other in others:
            for _ in range(20):
                threading.Thread(target=other.execute, args=('SELECT pg_sleep(60)',), daemon=True).start()
        """,
}


@pytest.mark.parametrize("work", WORK_AT_THE_END)
def test_the_end_of_a_program_ends_its_sessions(server_url: str, work: str) -> None:
    name = f"work at the end {os.getpid()} {list(WORK_AT_THE_END).index(work)}"
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    running = sessions + " AND state = 'active' AND (query LIKE '%%pg_sleep%%' OR query LIKE '%%generate_series%%')"
    setup = """
        import asyncio
        threading.excepthook = lambda _: None
        db.resize(4, 4)
        adb = pycopg.AsyncPooledDatabase.from_env(min_size=4, max_size=4)
        def before_the_end(): pass
        """
    body = textwrap.dedent(setup) + textwrap.dedent(WORK_AT_THE_END[work])
    body += "\nready()\nsys.stdin.readline()\nbefore_the_end()\n"
    with PooledDatabase.from_url(server_url, 1, 1) as watch:
        program = Program(body, PGAPPNAME=name)
        program.wait_until_ready()
        eventually(lambda: watch.fetch_val(running, [name]) == 4, within_s=30.0)
        code, _, took = program.end()
        assert code == 0
        bound_s, patience_s = 1.0, 0.5  # of pycopg._exit
        assert took < bound_s + patience_s + 2.5
        eventually(lambda: watch.fetch_val(sessions, [name]) == 0, within_s=max(bound_s - took, 0.0) + 5.0)


def test_a_program_that_may_start_no_more_threads_goes_on_and_ends_in_order(server_url: str) -> None:
    name = f"no more threads {os.getpid()}"
    program = Program(
        """
        import resource
        db.resize(2, 2)
        adb = pycopg.AsyncPooledDatabase.from_env(min_size=1, max_size=1)
        import asyncio
        asyncio.run(adb.open())
        def work():
            try: db.execute('SELECT pg_sleep(60)')
            except pycopg.PoolClosed: pass
        threading.Thread(target=work, daemon=True).start()
        while db.stats['requests_num'] < 1: pass
        with db.connection() as connection: connection.execute('SELECT 1')
        connections = db.stats['connections_num']
        os.chmod(db.config.host, 0o711)  # for the other user: the folder of the server's socket
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        if os.geteuid() == 0: os.setresuid(64123, 64123, 64123)  # root has no limit
        try: threading.Thread(target=print).start()
        except RuntimeError: pass
        else: sys.exit('a thread could be started')
        with db.connection() as connection:
            pid = connection.info.backend_pid
            try: connection.execute('SET LOCAL statement_timeout = 100; SELECT pg_sleep(60)')
            except pycopg.OperationalError: connection.rollback()
        async def cancelled():
            call = asyncio.ensure_future(adb.execute('SELECT pg_sleep(60)'))
            done, _ = await asyncio.wait([call], timeout=0.2)
            assert not done
            call.cancel()
            await asyncio.wait([call])
            assert await adb.fetch_val('SELECT 1') == 1
        asyncio.run(cancelled())
        assert adb.stats['connections_num'] == 1
        assert db.fetch_val('SELECT pg_backend_pid()') == pid
        assert db.stats['connections_num'] == connections
        try: pycopg.PooledDatabase.from_env()
        except pycopg.OperationalError as error: assert 'ulimit -u' in str(error), error
        else: sys.exit('a pool without threads')
        ready()
        """,
        PGAPPNAME=name,
    )
    program.wait_until_ready()
    code, errors, took = program.end()
    assert (code, errors) == (0, "")
    assert took < 2.0
    with PooledDatabase.from_url(server_url, 1, 1) as watch:
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        eventually(lambda: watch.fetch_val(sessions, [name]) == 0, within_s=2.0)
