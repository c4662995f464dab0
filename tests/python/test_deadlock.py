"""Threads and tasks that hold a connection and wait for another."""

from __future__ import annotations

import asyncio
import pickle
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg_pool
import pytest

import pycopg
from conftest import Run, eventually, eventually_async
from pycopg import AsyncPooledDatabase, Connection, PooledDatabase

MakePool = Callable[..., PooledDatabase]

# Before that Python does not tell whether a `with` has entered a block.
tells_blocks = pytest.mark.skipif(sys.version_info < (3, 11), reason="needs Python 3.11")


@tells_blocks
def test_a_thread_that_holds_all_connections_fails_at_once(make_pool: MakePool) -> None:
    db = make_pool(max_size=2, timeout=20, name="orders")
    began = time.monotonic()
    with db.connection() as first, db.transaction():
        with pytest.raises(pycopg.PoolDeadlock) as raised:
            db.execute("SELECT 1")
        with pytest.raises(pycopg.PoolDeadlock), db.connection():
            pass
        assert first.execute("SELECT 1 AS one").fetchone() == {"one": 1}
    assert time.monotonic() - began < 5
    text = str(raised.value)
    assert re.match(r"pool 'orders' is deadlocked: 2/2 leased, each to a caller that waits for another", text), text
    assert len(re.findall(r"at \S*test_deadlock\.py:\d+ in thread 'MainThread'", text)) == 2
    assert isinstance(raised.value, pycopg.PoolTimeout)
    assert isinstance(raised.value, psycopg_pool.PoolTimeout)
    again = pickle.loads(pickle.dumps(raised.value))
    assert isinstance(again, pycopg.PoolDeadlock)
    assert isinstance(again, psycopg_pool.PoolTimeout)
    assert db.fetch_val("SELECT 1") == 1


@tells_blocks
def test_of_threads_that_wait_for_each_other_one_fails(make_pool: MakePool) -> None:
    db = make_pool(min_size=4, max_size=4, timeout=20)
    db.wait()
    all_hold = threading.Barrier(4)
    outcomes: list[object] = []

    def work() -> None:
        try:
            with db.connection():
                all_hold.wait()
                outcomes.append(db.fetch_val("SELECT 1"))
        except pycopg.PoolDeadlock:
            outcomes.append("deadlock")

    threads = [threading.Thread(target=work) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 5
    assert sorted(map(str, outcomes)) == ["1", "1", "1", "deadlock"]


@tells_blocks
def test_a_timeout_says_what_the_thread_holds_itself(make_pool: MakePool) -> None:
    db = make_pool(max_size=2)
    other = db.connection().__enter__()  # nobody knows who gives it back
    with db.connection(), pytest.raises(pycopg.PoolTimeout) as raised:
        db.connection(timeout=0.02).__enter__()
    other.__exit__(None, None, None)
    assert not isinstance(raised.value, pycopg.PoolDeadlock)
    assert re.search(
        r"; this thread holds 1 of the pool's connections itself, taken at \S*test_deadlock\.py:\d+ in",
        str(raised.value),
    )


def test_a_generator_may_be_left_by_another_thread(make_pool: MakePool) -> None:
    """As frameworks do that run a dependency in one thread of a pool of threads, and its end in another."""
    db = make_pool(max_size=1, timeout=20)

    @contextmanager
    def dependency() -> Iterator[Connection]:
        with db.connection() as connection:
            yield connection

    manager = dependency()
    manager.__enter__()

    def end() -> None:
        eventually(lambda: db.stats["requests_waiting"] == 1)
        manager.__exit__(None, None, None)

    thread = threading.Thread(target=end)
    thread.start()
    assert db.fetch_val("SELECT 1") == 1
    thread.join()


def test_a_call_of_enter_may_be_ended_by_another_thread(make_pool: MakePool) -> None:
    db = make_pool(max_size=1, timeout=20)
    connection = db.connection().__enter__()

    def end() -> None:
        eventually(lambda: db.stats["requests_waiting"] == 1)
        connection.__exit__(None, None, None)

    thread = threading.Thread(target=end)
    thread.start()
    assert db.fetch_val("SELECT 1") == 1
    thread.join()


def test_a_task_that_holds_all_connections_fails_at_once(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        began = time.monotonic()
        async with db.connection() as first, db.transaction():
            with pytest.raises(pycopg.PoolDeadlock, match="2/2 leased") as raised:
                await db.execute("SELECT 1")
            with pytest.raises(pycopg.PoolDeadlock):
                async with db.connection():
                    pass
            await first.execute("SELECT 1")
        assert time.monotonic() - began < 5
        assert len(re.findall(r"at \S*test_deadlock\.py:\d+ in task '", str(raised.value))) == 2
        assert await db.fetch_val("SELECT 1") == 1

    run(body, max_size=2, timeout=20)


def test_of_tasks_that_wait_for_each_other_one_fails(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        holding = 0

        async def work() -> object:
            nonlocal holding
            try:
                async with db.connection():
                    holding += 1
                    await eventually_async(lambda: holding == 4)
                    return await db.fetch_val("SELECT 1")
            except pycopg.PoolDeadlock:
                return "deadlock"

        began = time.monotonic()
        outcomes = await asyncio.gather(*(work() for _ in range(4)))
        assert time.monotonic() - began < 5
        assert sorted(map(str, outcomes)) == ["1", "1", "1", "deadlock"]

    run(body, min_size=4, max_size=4, timeout=20)


def test_a_task_that_waits_for_others_of_the_same_loop_is_served(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as connection:
            waiting = asyncio.create_task(db.fetch_val("SELECT 1"))
            await eventually_async(lambda: db.stats["requests_waiting"] == 1)
            await connection.execute("SELECT 1")
        assert await waiting == 1

    run(body, max_size=1, timeout=20)
