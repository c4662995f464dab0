"""AsyncPooledDatabase in event loops that come and go."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable

import pytest
import uvloop

from conftest import NextRound, idle
from pycopg import AsyncPooledDatabase, PooledDatabase


async def one_round() -> None:
    await NextRound()


def test_one_pool_in_one_loop_after_the_other(server_url: str) -> None:
    db = AsyncPooledDatabase.from_url(server_url, 1, 2)

    async def main(number: int) -> int:
        await db.open()
        values = await asyncio.gather(*(db.fetch_val("SELECT %s::int", [number]) for _ in range(10)))
        assert values == [number] * 10
        async with db.connection() as conn:
            return conn.info.backend_pid

    pids = {asyncio.run(main(number)) for number in range(5)}
    assert len(pids) <= 2, "connections move from loop to loop"
    asyncio.run(db.close())


def test_one_pool_in_several_loops_at_a_time(server_url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    db = AsyncPooledDatabase.from_url(server_url, 1, 3)

    async def main(number: int) -> None:
        await db.open()
        for i in range(100):
            assert await db.fetch_val("SELECT %s::int", [number * 1000 + i]) == number * 1000 + i

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda number: asyncio.run(main(number)), range(6)))
    assert db.stats["pool_size"] <= 3
    asyncio.run(db.close())


def test_a_loop_that_is_closed_with_queries_in_flight(server_url: str, users: PooledDatabase) -> None:
    db = AsyncPooledDatabase.from_url(server_url, 1, 1)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(db.open())
    tasks = [loop.create_task(db.execute("SELECT pg_sleep(100) /* orphan */")) for _ in range(3)]
    while db.stats["requests_waiting"] < 2:
        loop.run_until_complete(one_round())
    loop.close()
    loop.set_exception_handler(lambda *_: None)
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    del task, tasks, loop
    gc.collect()
    deadline = time.monotonic() + 10
    while not idle(db):
        assert time.monotonic() < deadline
    sql = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%orphan */' AND state = 'active'"
    assert users.fetch_val(sql) == 0

    async def main() -> None:
        assert await db.fetch_val("SELECT 1") == 1
        await db.close()

    asyncio.run(main())


def test_a_source_that_knows_its_task_goes_with_a_closed_loop(server_url: str) -> None:
    db = AsyncPooledDatabase.from_url(server_url, 1, 1)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(db.open())

    async def insert() -> None:
        task = asyncio.current_task()
        rows = ([task is None] for _ in range(1000))  # more than are taken at a time
        await db.execute_many("SELECT pg_sleep(100), %s", rows)

    task = loop.create_task(insert())
    known = weakref.ref(task)
    while db.stats["pool_available"]:
        loop.run_until_complete(one_round())
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    del task, loop
    gc.collect()
    assert known() is None
    asyncio.run(db.close())


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_stops_the_loop_out_of_one_task_loses_no_other(
    server_url: str, make_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    db = AsyncPooledDatabase.from_url(server_url, 1, 1)
    loop = make_loop()

    async def select(number: int) -> int:
        value: int = await db.fetch_val("SELECT %s::int", [number])
        if number == 1:
            raise SystemExit
        return value

    loop.run_until_complete(db.open())
    tasks = [loop.create_task(select(number)) for number in range(8)]
    with pytest.raises(SystemExit):
        loop.run_until_complete(asyncio.wait(tasks))
    done, _ = loop.run_until_complete(asyncio.wait(tasks, timeout=10))
    assert done == set(tasks)
    assert [task.result() for task in tasks if task is not tasks[1]] == [0, 2, 3, 4, 5, 6, 7]
    assert isinstance(tasks[1].exception(), SystemExit)
    loop.run_until_complete(db.close())
    loop.close()


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_tasks_that_pass_a_connection_on_for_ever_leave_the_loop_its_turn(
    server_url: str, make_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    most = 100_000  # when nobody else gets a turn

    async def main() -> int:
        leases = 0

        async def lease_again_and_again(db: AsyncPooledDatabase) -> None:
            nonlocal leases
            while leases < most:
                async with db.connection():
                    leases += 1

        async with AsyncPooledDatabase.from_url(server_url, 1, 1) as db:
            async with db.connection():
                tasks = [asyncio.ensure_future(lease_again_and_again(db)) for _ in range(3)]
                while db.stats["requests_waiting"] < len(tasks):
                    await NextRound()
            while not leases:
                await NextRound()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            return leases

    loop = make_loop()
    assert loop.run_until_complete(main()) < most
    loop.close()
