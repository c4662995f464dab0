"""A thousand tasks at a time, cancelled at random, and a pool of four: nothing is lost, and nobody overtakes."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from conftest import NextRound, run_on
from pycopg import AsyncPooledDatabase, PooledDatabase

TASKS = 1000
CONNECTIONS = 4
SEED = 20240131
LONGEST_SLEEP_S = 0.004  # of a statement on the server


class Storm:
    def __init__(self, db: AsyncPooledDatabase) -> None:
        self.db = db
        self.rng = random.Random(SEED)
        self.last_number = 0
        self.queue: dict[int, None] = {}  # who asked for a connection and has none yet, in the order of asking
        self.inside: dict[int, asyncio.Task[None]] = {}  # who has a connection
        self.cancelled: set[asyncio.Task[None]] = set()
        self.inserted: set[int] = set()  # reported as done
        self.ended = self.ended_cancelled = self.cancelled_inside = 0

    async def run(self, duration_s: float) -> None:
        tasks = [self.start() for _ in range(TASKS)]
        end = time.monotonic() + duration_s
        while time.monotonic() < end:
            await NextRound()
            for place, task in enumerate(tasks):
                if task.done():
                    self.judge(task)
                    tasks[place] = self.start()
                    self.cancel_one(tasks)
        done, pending = await asyncio.wait(tasks, timeout=60)
        assert not pending, f"{len(pending)} tasks never ended: {self.db.stats}"
        for task in done:
            self.judge(task)

    def start(self) -> asyncio.Task[None]:
        self.last_number += 1
        return asyncio.ensure_future(self.one(self.last_number, self.rng.randrange(4)))

    def cancel_one(self, tasks: list[asyncio.Task[None]]) -> None:
        """Half of them in the queue, mostly, and half of them with a statement under way."""
        inside = self.rng.random() < 0.5 and bool(self.inside)
        task = self.rng.choice(list(self.inside.values()) if inside else tasks)
        if not task.done():
            self.cancelled_inside += inside
            self.cancelled.add(task)
            task.cancel()

    def judge(self, task: asyncio.Task[None]) -> None:
        self.ended += 1
        if task.cancelled():
            assert task in self.cancelled, "a task was cancelled that nobody cancelled"
            self.ended_cancelled += 1
        else:
            task.result()  # whatever else happened
        self.cancelled.discard(task)

    async def one(self, number: int, kind: int) -> None:
        sleep_s = self.rng.random() * LONGEST_SLEEP_S
        if kind == 0:
            value = await self.db.fetch_val("SELECT %s::int FROM pg_sleep(%s)", [number, sleep_s])
            assert value == number, "the answer to another question"
        elif kind == 1:
            await self.db.execute("INSERT INTO storm VALUES (%s)", [number])
            self.inserted.add(number)
        else:
            await self.with_connection(number, sleep_s, transaction=kind == 2)

    async def with_connection(self, number: int, sleep_s: float, transaction: bool) -> None:
        self.queue[number] = None
        try:
            async with self.db.transaction() if transaction else self.db.connection() as conn:
                self.check_order(number)
                task = asyncio.current_task()
                assert task is not None
                self.inside[number] = task
                cursor = await conn.execute("SELECT %s::int AS n FROM pg_sleep(%s)", [number, sleep_s])
                assert await cursor.fetchone() == {"n": number}, "the answer to another question"
                if transaction:
                    await conn.execute("INSERT INTO storm VALUES (%s)", [number])
            if transaction:
                self.inserted.add(number)
        finally:
            self.queue.pop(number, None)
            self.inside.pop(number, None)

    def check_order(self, number: int) -> None:
        """Whoever asked earlier has a connection too, and only has not been told yet, or was overtaken."""
        earlier = 0
        for other in self.queue:
            if other == number:
                break
            earlier += 1
        assert earlier < CONNECTIONS, f"request {number} has overtaken {earlier} others"
        del self.queue[number]


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_storm_of_a_thousand_tasks_loses_nothing_and_keeps_the_order(
    kind: str, slow: bool, server_url: str, users: PooledDatabase
) -> None:
    users.execute("CREATE TABLE storm (number bigint NOT NULL)")

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, CONNECTIONS, timeout=60) as db:
            storm = Storm(db)
            await storm.run(30 if slow else 3)
            deadline = time.monotonic() + 10
            while (stats := db.stats)["pool_available"] < stats["pool_size"] or stats["requests_waiting"]:
                assert time.monotonic() < deadline, f"connections did not come back: {stats}"
                await NextRound()
            assert not storm.queue
            assert not storm.inside
            values = await asyncio.gather(*(db.fetch_val("SELECT %s::int", [n]) for n in range(100)))
            assert values == list(range(100))
        # The storm was one: enough came through, and enough were cancelled, in the queue and in a query.
        assert storm.ended > 2 * TASKS
        assert storm.ended_cancelled > 100
        assert storm.cancelled_inside > 50
        stored = [row["number"] for row in users.execute("SELECT number FROM storm")]
        assert len(stored) == len(set(stored)), "something ran twice"
        assert storm.inserted <= set(stored), "what was reported as done is not there"

    run_on(kind, main())
    sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT $1::int%'"
    assert users.fetch_val(sql) == 0
