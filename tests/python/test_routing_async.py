"""Several hosts in the configuration, for tasks: as test_routing.py for threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import pycopg
from conftest import NextRound, eventually_async
from replicas import Replicas, replicas

WHICH = "SELECT current_setting('cluster_name')"
Body = Callable[[pycopg.AsyncPooledDatabase], Awaitable[None]]


@pytest.fixture(scope="module")
def servers() -> Iterator[Replicas]:
    """s0 is the primary, s1 its replica: for tests that leave them so."""
    with replicas() as made:
        made[0].ask("CREATE TABLE notes (id bigserial PRIMARY KEY, text text)")
        made.caught_up()
        yield made


@pytest.fixture
def run(servers: Replicas) -> Callable[..., None]:
    def run_one(body: Body, **options: Any) -> None:
        async def main() -> None:
            async with pycopg.AsyncPooledDatabase(servers.config, **{"min_size": 1, "max_size": 3, **options}) as db:
                await body(db)

        asyncio.run(main())

    return run_one


async def every_verb(db: pycopg.AsyncPooledDatabase, where: str, timeout: Any = None) -> None:
    assert await db.execute(WHICH, row=tuple, timeout=timeout) == [(where,)]
    assert await db.fetch_all(WHICH, timeout=timeout) == [{"current_setting": where}]
    assert await db.fetch_one(WHICH, row=tuple, timeout=timeout) == (where,)
    assert await db.fetch_val(WHICH + " WHERE %s", [True], timeout=timeout) == where
    asked = [(WHICH, None), (WHICH, None)]
    assert [answer.value for answer in await db.execute_all(asked, timeout=timeout)] == [where] * 2
    many = await db.execute_many(f"{WHICH}, %s::int", [(1,), (2,)], returning=tuple, timeout=timeout)
    assert many == [(where, 1), (where, 2)]
    async with db.stream(WHICH, row=tuple, timeout=timeout) as rows:
        assert [row async for row in rows] == [(where,)]
    async with db.connection(timeout) as connection:
        assert await connection.fetch_val(WHICH) == where
        assert [lease.name for lease in db.leases()] == [None]
    async with db.try_connection() as free:
        assert free is not None
        assert await free.fetch_val(WHICH) == where
    async with db.transaction(timeout, readonly=True) as connection:
        assert await connection.fetch_val(WHICH) == where

    async def ask(connection: pycopg.AsyncConnection) -> object:
        return await connection.fetch_val(WHICH)

    assert await db.run(ask, timeout=timeout) == where


@pytest.mark.parametrize("kind", ["default", "seconds", "deadline"])
def test_every_verb_goes_where_it_is_asked_to(run: Callable[..., None], kind: str) -> None:
    async def body(db: pycopg.AsyncPooledDatabase) -> None:
        timeout: Any = {"default": None, "seconds": 20, "deadline": pycopg.Deadline(60)}[kind]
        await every_verb(db, "s0", timeout)
        await every_verb(db.replica, "s1", timeout)
        await every_verb(db.on("replica", max_lag=60), "s1", timeout)
        await every_verb(db.on("primary"), "s0", timeout)
        assert await db.on("any").fetch_val(WHICH, timeout=timeout) in ("s0", "s1")
        assert await db.copy_in("notes", [("w",)], columns=["text"]) == 1
        with pytest.raises(pycopg.errors.ReadOnlySqlTransaction):
            await db.replica.execute("INSERT INTO notes (text) VALUES ('x')")
        assert db.stats["leased"] == 0

    run(body)


def test_the_whole_is_shared(run: Callable[..., None]) -> None:
    async def body(db: pycopg.AsyncPooledDatabase) -> None:
        await db.check()
        await db.drain()
        await db.wait()
        assert "hosts=2" in repr(db)
        async with db.connection(name="held"):
            assert [lease.name for lease in db.replica.leases()] == ["held"]
        await db.suspend()
        with pytest.raises(pycopg.PoolTimeout):
            await db.fetch_val("SELECT 1", timeout=0.05)
        await db.resume()
        assert await db.fetch_val("SELECT 1") == 1
        assert await asyncio.to_thread(db.sync.fetch_val, WHICH) == "s0"
        assert await asyncio.to_thread(db.sync.replica.fetch_val, WHICH) == "s1"
        for refused in (db.metrics, db.advise, db.monitor, lambda: db.resize(1, 2)):
            with pytest.raises(pycopg.InterfaceError, match="several hosts"):
                refused()
        with pytest.raises(pycopg.InterfaceError, match="several hosts"):
            async with db.listen("jobs"):
                pass

    run(body)


def test_threads_share_with_tasks(servers: Replicas) -> None:
    async def main(db: pycopg.PooledDatabase) -> None:
        shared = pycopg.AsyncPooledDatabase(db)
        await shared.open()
        assert await shared.fetch_val(WHICH) == "s0"
        assert await shared.replica.fetch_val(WHICH) == "s1"

    with pycopg.PooledDatabase(servers.config, 0, 2) as db:
        asyncio.run(main(db))
        assert db.fetch_val(WHICH) == "s0"


def test_a_check_accepts_connections_of_each_host(run: Callable[..., None]) -> None:
    refused: list[object] = []

    async def check(connection: pycopg.AsyncConnection) -> None:
        await connection.execute("SELECT 1")
        if not refused:
            refused.append(1)
            raise ValueError("not this one")

    async def body(db: pycopg.AsyncPooledDatabase) -> None:
        assert await db.replica.fetch_val(WHICH) == "s1"
        async with db.try_connection() as connection:
            assert connection is not None

    run(body, check=check)
    assert refused


def test_a_cancelled_task_leaves_nothing_behind(run: Callable[..., None]) -> None:
    async def body(db: pycopg.AsyncPooledDatabase) -> None:
        await db.suspend()
        waiting = [asyncio.ensure_future(db.fetch_val(WHICH)) for _ in range(5)]
        await NextRound()
        for task in waiting[::2]:
            task.cancel()
        await db.resume()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True, False] * 2 + [True]
        held = [asyncio.ensure_future(db.replica.fetch_val("SELECT pg_sleep(30)")) for _ in range(4)]
        await eventually_async(lambda: db.stats["leased"] == 3 and db.stats["requests_waiting"] == 1)
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        await eventually_async(lambda: db.stats["leased"] == 0)
        assert await db.replica.fetch_val(WHICH) == "s1"

    run(body)


def test_a_closed_pool_serves_no_role(servers: Replicas) -> None:
    async def main() -> None:
        db = pycopg.AsyncPooledDatabase(servers.config, 0, 2)
        with pytest.raises(pycopg.PoolClosed):
            db.on("replica")
        await db.open()
        replica = db.replica
        assert await replica.fetch_val(WHICH) == "s1"
        await db.suspend()
        waiting = asyncio.ensure_future(db.fetch_val(WHICH))
        await eventually_async(lambda: not waiting.done())
        await NextRound()
        await db.close()
        for call in (waiting, db.fetch_val("SELECT 1"), replica.fetch_val("SELECT 1")):
            with pytest.raises(pycopg.PoolClosed):
                await call

    asyncio.run(main())


def test_one_host_has_no_replica(server_url: str) -> None:
    async def main() -> None:
        async with pycopg.AsyncPooledDatabase(pycopg.Config.from_url(server_url), 0, 2) as db:
            with pytest.raises(pycopg.InterfaceError, match="a pool of one host knows no replica"):
                _ = db.replica
            assert await db.on("primary").fetch_val("SELECT 1") == 1

    asyncio.run(main())


def test_a_lagging_replica_is_unfit() -> None:
    async def main(servers: Replicas) -> None:
        async with pycopg.AsyncPooledDatabase(servers.config, 0, 3) as db:
            assert await db.on("replica", max_lag=30).fetch_val(WHICH) == "s1"
            servers[1].pause_replay()
            await db.execute("CREATE TABLE notes (id int)")

            async def unfit() -> bool:
                try:
                    await db.on("replica", max_lag=0.01, if_unfit="fail").fetch_val(WHICH)
                except pycopg.PoolTimeout:
                    return True
                return False

            while not await unfit():
                pass
            with pytest.raises(pycopg.PoolTimeout, match="replica"):
                await db.on("replica", max_lag=0.01).fetch_val(WHICH, timeout=0.3)
            began = time.monotonic()
            primary = db.on("replica", max_lag=0.01, if_unfit="primary", patience=0.2)
            assert await primary.fetch_val(WHICH) == "s0"
            assert time.monotonic() - began >= 0.2

    with replicas() as servers:
        asyncio.run(main(servers))


@pytest.mark.parametrize("killed", [False, True])
def test_writers_follow_the_primary(killed: bool) -> None:
    """None of their writes is done twice, and each that was acknowledged is there."""

    async def main(servers: Replicas) -> None:
        async with pycopg.AsyncPooledDatabase(servers.config, 1, 4, timeout=60) as db:
            written: list[int] = []
            doubtful: list[int] = []
            stop = asyncio.Event()

            async def write(number: int) -> None:
                while not stop.is_set():
                    try:
                        await db.execute("INSERT INTO notes VALUES (%s)", [number])
                        written.append(number)
                    except pycopg.OperationalError:
                        doubtful.append(number)
                    number += 1

            writers = [asyncio.ensure_future(write(number * 1_000_000)) for number in range(20)]
            await eventually_async(lambda: len(written) > 50)
            if killed:
                servers[0].kill()
            await asyncio.to_thread(servers[1].promote)
            while await db.fetch_val(WHICH, timeout=30) != "s1":
                pass
            before = len(written)
            await eventually_async(lambda: len(written) > before + 50, 30)
            stop.set()
            await asyncio.wait_for(asyncio.gather(*writers), 60)
            there = [row[0] for row in await db.execute("SELECT id FROM notes", row=tuple)]
            assert len(there) == len(set(there))
            assert set(there) <= set(written) | set(doubtful)
            if killed:
                assert set(written) <= set(there)

    with replicas() as servers:
        servers[0].ask("CREATE TABLE notes (id int)")
        if killed:  # what was acknowledged is on the replica
            servers[0].ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
            servers[0].ask("SELECT pg_reload_conf()")
        servers.caught_up()
        asyncio.run(main(servers))
