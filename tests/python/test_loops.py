"""AsyncPooledDatabase in event loops that come and go."""

from __future__ import annotations

import asyncio
import gc
import time

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
