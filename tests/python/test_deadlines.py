"""A deadline of one's own: `timeout=` ends each call in time, wherever it waits, and never half-way."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import pathlib
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import pycopg
from conftest import Run, eventually, eventually_async, idle
from pycopg import AsyncPooledDatabase, Deadline, PooledDatabase, PoolTimeout, QueryTimeout

LIMIT_S = 0.1
OVER_BY_S = 0.12
TRIES = 8
SLOW = "SELECT 1 FROM pg_sleep(0.3)"


class Frozen:
    """The server's processes of this test's connections, which can be stopped: sockets stay open, nothing answers."""

    def __init__(self, admin: PooledDatabase) -> None:
        self._admin = admin
        self._stopped: list[int] = []

    def freeze(self, but: int = 0) -> None:
        """Stops the postmaster, so that it makes no more processes, and all that serve a client but `but`."""
        pids = [
            row["pid"]
            for row in self._admin.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        ]
        own = self._admin.fetch_val("SELECT pg_backend_pid()")
        postmaster = int(pathlib.Path(f"/proc/{own}/stat").read_text().rpartition(")")[2].split()[1])
        self._stopped = [postmaster, *pids]
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._stopped = []


@pytest.fixture
def server(make_pool: Callable[..., PooledDatabase]) -> Iterator[Frozen]:
    frozen = Frozen(make_pool(min_size=1, max_size=1))
    yield frozen
    frozen.thaw()


def best_time(server: Frozen, call: Callable[[], None], error: type[Exception], prepare: Callable[[], object]) -> float:
    """The shortest time of some tries, since on a busy machine any one may be late."""
    best_s = math.inf
    for _ in range(TRIES):
        prepare()
        server.freeze()
        began = time.monotonic()
        with pytest.raises(error):
            call()
        best_s = min(best_s, time.monotonic() - began)
        server.thaw()
        if best_s < OVER_BY_S:
            break
    return best_s


async def best_time_async(
    server: Frozen,
    call: Callable[[], Awaitable[object]],
    error: type[Exception],
    prepare: Callable[[], Awaitable[object]],
) -> float:
    best_s = math.inf
    for _ in range(TRIES):
        await prepare()
        server.freeze()
        began = time.monotonic()
        with pytest.raises(error):
            await call()
        best_s = min(best_s, time.monotonic() - began)
        server.thaw()
        if best_s < OVER_BY_S:
            break
    return best_s


CALLS: dict[str, Callable[[Any], Any]] = {
    "execute": lambda db: db.execute("SELECT 1", timeout=LIMIT_S),
    "fetch_one": lambda db: db.fetch_one("SELECT 1", timeout=LIMIT_S),
    "fetch_val": lambda db: db.fetch_val("SELECT 1", timeout=Deadline(LIMIT_S)),
    "execute_many": lambda db: db.execute_many("INSERT INTO stats VALUES (%s)", [[1], [2]], timeout=LIMIT_S),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_on_a_frozen_server_ends_in_time(server: Frozen, make_pool: Any, users: Any, name: str) -> None:
    db = make_pool(min_size=1, max_size=1)
    late = pycopg.CommitUnknown if name == "execute_many" else QueryTimeout
    warm = lambda: db.execute("SELECT 1")  # noqa: E731
    assert best_time(server, lambda: CALLS[name](db), late, warm) < OVER_BY_S
    assert db.fetch_val("SELECT 1") == 1
    with db.connection():  # in the queue
        assert best_time(server, lambda: CALLS[name](db), PoolTimeout, lambda: None) < OVER_BY_S
    assert db.fetch_val("SELECT 1") == 1
    connecting = make_pool(min_size=0, max_size=1)
    assert best_time(server, lambda: CALLS[name](connecting), PoolTimeout, lambda: None) < OVER_BY_S
    assert connecting.fetch_val("SELECT 1") == 1


@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_a_task_on_a_frozen_server_ends_in_time(server: Frozen, run: Run, server_url: str, name: str) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async def nothing() -> None: ...

        late = pycopg.CommitUnknown if name == "execute_many" else QueryTimeout
        call = lambda: CALLS[name](db)  # noqa: E731
        assert await best_time_async(server, call, late, lambda: db.execute("SELECT 1")) < OVER_BY_S
        assert await db.fetch_val("SELECT 1") == 1
        async with db.connection():  # in the queue
            assert await best_time_async(server, call, PoolTimeout, nothing) < OVER_BY_S
        assert await db.fetch_val("SELECT 1") == 1
        async with AsyncPooledDatabase.from_url(server_url, 0, 1) as connecting:
            call = lambda: CALLS[name](connecting)  # noqa: E731
            assert await best_time_async(server, call, PoolTimeout, nothing) < OVER_BY_S
            assert await connecting.fetch_val("SELECT 1") == 1

    run(body, max_size=1)


def test_a_commit_on_a_frozen_server_ends_in_time(server: Frozen, make_pool: Any, users: Any) -> None:
    db = make_pool(min_size=1, max_size=1)

    def on_the_pool() -> None:
        with db.transaction(timeout=LIMIT_S) as tx:
            server.thaw()
            tx.execute("INSERT INTO stats VALUES (1)")
            server.freeze()

    def on_a_lease() -> None:
        with db.connection() as conn, conn.transaction(timeout=LIMIT_S):
            server.thaw()
            conn.execute("INSERT INTO stats VALUES (1)")
            server.freeze()

    for call in (on_the_pool, on_a_lease):
        assert best_time(server, call, pycopg.CommitUnknown, lambda: db.execute("SELECT 1")) < OVER_BY_S
        assert db.fetch_val("SELECT 1") == 1


def test_a_commit_of_a_task_on_a_frozen_server_ends_in_time(server: Frozen, run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async def on_the_pool() -> None:
            async with db.transaction(timeout=LIMIT_S) as tx:
                server.thaw()
                await tx.execute("INSERT INTO stats VALUES (1)")
                server.freeze()

        async def on_a_lease() -> None:
            async with db.connection() as conn, conn.transaction(timeout=LIMIT_S):
                server.thaw()
                await conn.execute("INSERT INTO stats VALUES (1)")
                server.freeze()

        for call in (on_the_pool, on_a_lease):
            late = pycopg.CommitUnknown
            assert await best_time_async(server, call, late, lambda: db.execute("SELECT 1")) < OVER_BY_S
            assert await db.fetch_val("SELECT 1") == 1

    run(body, max_size=1)


def test_a_call_may_take_longer_than_the_timeout_of_the_pool(make_pool: Any) -> None:
    db = make_pool(max_size=1, timeout=0.1)
    eventually(lambda: db.stats["pool_available"] == 1)
    with pytest.raises(QueryTimeout):
        db.execute(SLOW)
    eventually(lambda: db.stats["pool_available"] == 1)
    assert db.fetch_val(SLOW, timeout=20) == 1
    with db.transaction(timeout=20) as tx:
        assert tx.timeout == math.inf
        assert tx.execute(SLOW).fetchone() is not None
    with db.connection(timeout=20) as conn:
        assert conn.timeout == 0.1
        assert conn.execute(SLOW, timeout=20).fetchone() is not None
        with conn.transaction(timeout=20):
            assert conn.execute(SLOW).fetchone() is not None
        assert conn.timeout == 0.1
        conn.timeout = 20
        assert conn.execute(SLOW).fetchone() is not None
        conn.timeout = 0.05
        with pytest.raises(QueryTimeout):
            conn.execute("SELECT pg_sleep(20)")
        conn.close()


def test_a_call_of_a_task_may_take_longer_than_the_timeout_of_the_pool(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        with pytest.raises(QueryTimeout):
            await db.execute(SLOW)
        await eventually_async(lambda: idle(db))
        assert await db.fetch_val(SLOW, timeout=20) == 1
        async with db.transaction(timeout=20) as tx:
            assert tx.timeout == math.inf
            await tx.execute(SLOW)
        async with db.connection(timeout=20) as conn:
            assert conn.timeout == 0.1
            await conn.execute(SLOW, timeout=20)
            async with conn.transaction(timeout=20):
                await conn.execute(SLOW)
            assert conn.timeout == 0.1
            conn.timeout = 20
            await conn.execute(SLOW)
            conn.timeout = 0.05
            with pytest.raises(QueryTimeout):
                await conn.execute("SELECT pg_sleep(20)")
            await conn.close()

    run(body, max_size=1, timeout=0.1)


def test_the_earlier_of_two_deadlines_holds(make_pool: Any) -> None:
    db = make_pool(max_size=1)
    for use in (
        lambda tx: tx.execute("SELECT pg_sleep(20)"),
        lambda tx: tx.execute("SELECT pg_sleep(20)", timeout=20),
        lambda tx: tx.execute_many("SELECT pg_sleep(%s)", [[20]], timeout=20),
    ):
        began = time.monotonic()
        with pytest.raises(QueryTimeout), db.transaction(timeout=LIMIT_S) as tx:
            use(tx)
        with pytest.raises(QueryTimeout), db.connection() as conn, conn.transaction(timeout=LIMIT_S):
            use(conn)
        assert time.monotonic() - began < 5
    assert db.fetch_val("SELECT 1") == 1


def test_one_deadline_is_handed_down(make_pool: Any, run: Run) -> None:
    deadline = Deadline(0.4)
    db = make_pool(max_size=1)
    began = time.monotonic()
    with pytest.raises(QueryTimeout):
        [db.execute("SELECT pg_sleep(0.05)", timeout=deadline) for _ in range(100)]
    assert 0.39 < time.monotonic() - began < 2
    assert deadline.left() == 0
    with pytest.raises(PoolTimeout, match="no time left"):
        db.execute("SELECT 1", timeout=deadline)
    with pytest.raises(PoolTimeout, match="no time left"):
        db.execute_many("INSERT INTO stats VALUES (%s)", [[1]], timeout=deadline)
    with db.connection() as conn:
        with pytest.raises(QueryTimeout, match="nothing was sent"):
            conn.execute("SELECT 1", timeout=deadline)
        assert conn.execute("SELECT 1 AS one").fetchone() == {"one": 1}

    async def body(db: AsyncPooledDatabase) -> None:
        with pytest.raises(PoolTimeout, match="no time left"):
            await db.execute("SELECT 1", timeout=deadline)
        async with db.connection() as conn:
            with pytest.raises(QueryTimeout, match="nothing was sent"):
                await conn.execute("SELECT 1", timeout=deadline)
            assert await (await conn.execute("SELECT 1 AS one")).fetchone() == {"one": 1}

    run(body)


def test_a_block_without_time_for_its_end_is_never_committed_later(users: PooledDatabase, make_pool: Any) -> None:
    db = make_pool(max_size=1)

    def insert_late(conn: Any, error: type[Exception] | None = None) -> None:
        conn.execute("INSERT INTO stats VALUES (1)")
        eventually(lambda: time.monotonic() > ends_at)
        if error is not None:
            raise error

    for error in (None, LookupError):
        with db.connection() as conn:
            ends_at = time.monotonic() + 0.12
            with pytest.raises(error or QueryTimeout), conn.transaction(timeout=LIMIT_S):
                insert_late(conn, error)
            with pytest.raises(pycopg.InterfaceError, match="given back"):
                conn.execute("INSERT INTO stats VALUES (2)")
    ends_at = time.monotonic() + 0.12
    with pytest.raises(QueryTimeout), db.transaction(timeout=LIMIT_S) as tx:
        insert_late(tx)
    assert users.fetch_val("SELECT sum(count) FROM stats") == 0


def test_a_block_of_a_task_without_time_for_its_end_is_never_committed_later(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async def insert_late(block: Any, error: type[Exception] | None = None) -> None:
            async with block as entered:
                await (entered if hasattr(entered, "execute") else entered.connection).execute(
                    "INSERT INTO stats VALUES (1)"
                )
                await eventually_async(lambda: time.monotonic() > ends_at)
                if error is not None:
                    raise error

        for error in (None, LookupError):
            async with db.connection() as conn:
                ends_at = time.monotonic() + 0.12
                with pytest.raises(error or QueryTimeout):
                    await insert_late(conn.transaction(timeout=LIMIT_S), error)
                with pytest.raises(pycopg.InterfaceError, match="given back"):
                    await conn.execute("INSERT INTO stats VALUES (2)")
        ends_at = time.monotonic() + 0.12
        with pytest.raises(QueryTimeout):
            await insert_late(db.transaction(timeout=LIMIT_S))
        assert await db.fetch_val("SELECT sum(count) FROM stats") == 0

    run(body, max_size=1)


def test_the_wait_for_ones_turn_ends_in_time(db: PooledDatabase, run: Run) -> None:
    with db.connection() as conn:
        other = threading.Thread(target=lambda: conn.execute("SELECT pg_sleep(0.5)"))
        other.start()
        eventually(
            lambda: db.fetch_val("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(0.5)'")
        )
        with pytest.raises(PoolTimeout, match="no turn on this connection"):
            conn.execute("SELECT 1", timeout=0.05)
        other.join()
        assert conn.execute("SELECT 1 AS one").fetchone() == {"one": 1}

    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            other = asyncio.ensure_future(conn.execute("SELECT pg_sleep(0.5)"))
            await asyncio.wait([other], timeout=0.05)
            with pytest.raises(PoolTimeout, match="no turn on this connection"):
                await conn.execute("SELECT 1", timeout=0.05)
            with pytest.raises(PoolTimeout, match="no turn on this connection"):
                async with conn.transaction(timeout=0.05):
                    pytest.fail("it is another task's turn")
            await other
            assert await (await conn.execute("SELECT 1 AS one")).fetchone() == {"one": 1}

    run(body)


def test_rows_of_an_asynchronous_source_end_in_time(run: Run) -> None:
    async def rows() -> Any:
        yield [1]
        began = time.monotonic()
        await eventually_async(lambda: time.monotonic() - began > 0.2)
        yield [2]

    async def body(db: AsyncPooledDatabase) -> None:
        insert = "INSERT INTO stats VALUES (%s)"
        with pytest.raises(QueryTimeout, match="no time left when the next rows came"):
            await db.execute_many(insert, rows(), timeout=LIMIT_S)
        async with db.connection() as conn:
            with pytest.raises(QueryTimeout):
                await conn.execute_many(insert, rows(), timeout=LIMIT_S)
            await conn.rollback()
        assert await db.execute_many("INSERT INTO stats VALUES (%s)", rows(), timeout=20) == 2
        assert await db.fetch_val("SELECT sum(count) FROM stats") == 3

    run(body, timeout=0.15)


def test_a_checked_connection_counts_towards_the_deadline(make_pool: Any) -> None:
    db = make_pool(max_size=1, timeout=0.1, check=lambda conn: conn.execute("SELECT 1"))
    assert db.fetch_val(SLOW, timeout=20) == 1
    assert db.execute_many("SELECT pg_sleep(%s)", [[0.3]], timeout=20) == 1
    with pytest.raises(QueryTimeout):
        db.execute("SELECT pg_sleep(20)", timeout=0.2)


WRONG = {
    "a negative number": (-1, ValueError, "timeout = -1.*: it must be at least 0 s"),
    "NaN": (math.nan, ValueError, "timeout = nan: it must be at least 0 s"),
    "a bool": (True, TypeError, "timeout = True: it must be a number of seconds"),
    "a string": ("1", TypeError, "timeout = '1': it must be a number of seconds"),
    "a list": ([], TypeError, r"timeout = \[\]: it must be a number of seconds"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_time_is_refused(users: PooledDatabase, run: Run, what: str) -> None:
    wrong, error, text = WRONG[what]
    timeout: Any = wrong
    insert = "INSERT INTO stats VALUES (%s)"
    for call in (
        lambda: users.execute("SELECT 1", timeout=timeout),
        lambda: users.fetch_one("SELECT 1", timeout=timeout),
        lambda: users.fetch_val("SELECT 1", timeout=timeout),
        lambda: users.execute_many(insert, [[1]], timeout=timeout),
        lambda: users.connection(timeout).__enter__(),
        lambda: users.transaction(timeout).__enter__(),
        lambda: users.wait(timeout),
        lambda: Deadline(timeout),
    ):
        with pytest.raises(error, match=text.replace("timeout =", "(timeout|seconds) =")):
            call()
    with users.connection() as conn:
        for call in (
            lambda: conn.execute("SELECT 1", timeout=timeout),
            lambda: conn.execute_many(insert, [[1]], timeout=timeout),
            lambda: conn.transaction(timeout=timeout).__enter__(),
            lambda: setattr(conn, "timeout", timeout),
        ):
            with pytest.raises(error, match=text):
                call()
        assert conn.execute("SELECT 1 AS one").fetchone() == {"one": 1}

    async def body(db: AsyncPooledDatabase) -> None:
        for call in (
            lambda: db.execute("SELECT 1", timeout=timeout),
            lambda: db.fetch_one("SELECT 1", timeout=timeout),
            lambda: db.fetch_val("SELECT 1", timeout=timeout),
            lambda: db.execute_many(insert, [[1]], timeout=timeout),
            lambda: db.connection(timeout).__aenter__(),
            lambda: db.transaction(timeout).__aenter__(),
        ):
            with pytest.raises(error, match=text):
                await call()
        async with db.connection() as conn:
            for call in (
                lambda: conn.execute("SELECT 1", timeout=timeout),
                lambda: conn.execute_many(insert, [[1]], timeout=timeout),
            ):
                with pytest.raises(error, match=text):
                    await call()
            with pytest.raises(error, match=text.replace("timeout =", "(timeout|seconds) =")):
                await conn.transaction(timeout=timeout).__aenter__()
            with pytest.raises(error, match=text):
                conn.timeout = timeout
            assert await (await conn.execute("SELECT 1 AS one")).fetchone() == {"one": 1}

    run(body)
    assert users.fetch_val("SELECT sum(count) FROM stats") == 0


def test_infinity_is_no_limit(make_pool: Any, run: Run) -> None:
    db = make_pool(max_size=1, timeout=0.1)
    for unlimited in (math.inf, Deadline(math.inf)):
        assert db.fetch_val(SLOW, timeout=unlimited) == 1
        with db.transaction(timeout=unlimited) as tx:
            tx.execute(SLOW)
    assert Deadline(math.inf).left() == math.inf
    assert 0 < Deadline(1).left() <= 1

    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.fetch_val(SLOW, timeout=math.inf) == 1
        async with db.connection() as conn:
            both = [conn.execute(SLOW, timeout=math.inf) for _ in range(2)]
            await asyncio.gather(*both)

    run(body, timeout=0.1)
