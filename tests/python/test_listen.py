"""Notifications: what listeners hear, what they are told that they have missed, and what ends them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
from collections.abc import Callable

import pytest

import pycopg
from conftest import NextRound, Run, eventually, eventually_async
from pycopg import AsyncPooledDatabase, Gap, Notification, PooledDatabase

MakePool = Callable[..., PooledDatabase]

KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %%'"
RECONNECTED = Gap(0, reconnected=True)


def payload(arrival: Notification | Gap | None) -> str:
    assert isinstance(arrival, Notification), arrival
    return arrival.payload


def test_what_is_sent_after_entering_is_heard(db: PooledDatabase) -> None:
    db.notify("jobs", "too early")
    with db.listen("jobs", "done") as notes:
        db.notify("jobs", "one")
        db.notify("done")
        with db.connection() as conn:
            conn.notify("jobs", "two")
            assert notes.next(timeout=10) is not None
            conn.notify("jobs", "three")
        first, second, third = (notes.next(timeout=10) for _ in range(3))
        assert isinstance(first, Notification)
        assert (first.channel, first.payload) == ("done", "")
        assert first.pid > 0
        assert (payload(second), payload(third)) == ("two", "three")
        assert notes.next(timeout=0) is None
        assert notes.next(timeout=pycopg.Deadline(0.01)) is None
        assert list(notes.within(0.01)) == []
        db.notify("jobs", "four")
        assert [payload(note) for note in notes.within(1)] == ["four"]


def test_iterating_goes_on_until_the_listener_is_closed(db: PooledDatabase) -> None:
    heard = []
    with db.listen("jobs") as notes:
        for number in range(5):
            db.notify("jobs", str(number))
        for note in notes:
            heard.append(payload(note))
            if len(heard) == 5:
                threading.Thread(target=notes.close).start()
    assert heard == list("01234")
    assert list(notes) == []
    with pytest.raises(pycopg.InterfaceError, match="closed"):
        notes.next()


def test_one_connection_is_outside_max_size_and_in_the_statistics(make_pool: MakePool) -> None:
    db = make_pool(min_size=1, max_size=1)
    assert (db.stats["listening"], db.stats["listeners"]) == (0, 0)
    with db.listen("a") as one, db.listen("a", "b") as two, db.connection() as conn:
        conn.autocommit = True
        assert (db.stats["listening"], db.stats["listeners"]) == (1, 2)
        conn.notify("a", "both")
        assert payload(one.next(timeout=10)) == payload(two.next(timeout=10)) == "both"
        assert db.stats["notifications_num"] == 1
    eventually(lambda: db.stats["listening"] == 0)


def test_channels_come_and_go(db: PooledDatabase) -> None:
    with db.listen("a") as notes:
        notes.add("b", 'Odd "name"; ü', timeout=10)
        assert notes.channels == ['Odd "name"; ü', "a", "b"]
        notes.remove("a")
        db.notify("a", "removed")
        db.notify('Odd "name"; ü', "added")
        assert payload(notes.next(timeout=10)) == "added"


@pytest.mark.parametrize("name", ["", "x" * 64, "ü" * 32, "a\0b"])
def test_names_that_postgres_has_not_are_refused(db: PooledDatabase, name: str) -> None:
    with pytest.raises(pycopg.InterfaceError, match="channel"), db.listen(name):
        pass
    with db.listen("good") as notes, pytest.raises(pycopg.InterfaceError, match="channel"):
        notes.add(name)


def test_wrong_arguments(db: PooledDatabase) -> None:
    with pytest.raises(ValueError, match="queue"):
        db.listen("a", queue=0)
    with pytest.raises(TypeError, match="channels"):
        db.listen(1)  # type: ignore[arg-type]
    with pytest.raises(pycopg.InterfaceError, match="one channel"), db.listen():
        pass
    with pytest.raises(pycopg.InterfaceError, match="entered"):
        db.listen("a").next()
    with db.listen("a") as notes, pytest.raises(pycopg.InterfaceError, match="entered before"), notes:
        pass


def test_payloads_end_at_7999_bytes(db: PooledDatabase) -> None:
    with db.listen("big") as notes:
        db.notify("big", "p" * 7999)
        assert len(payload(notes.next(timeout=10))) == 7999
        for size in (8000, 8001):
            with pytest.raises(pycopg.DataError, match="payload string too long"):
                db.notify("big", "p" * size)


def test_a_killed_connection_is_a_gap(db: PooledDatabase) -> None:
    with db.listen("jobs") as notes, db.listen("jobs", "more") as others:
        db.execute(KILL)
        assert notes.next(timeout=10) == RECONNECTED
        assert others.next(timeout=10) == RECONNECTED
        db.notify("jobs", "after")
        assert payload(notes.next(timeout=10)) == "after"
        assert payload(others.next(timeout=10)) == "after"
        assert db.stats["listening_lost"] == 1


def test_a_consumer_that_never_comes_costs_a_bounded_queue(db: PooledDatabase) -> None:
    with db.listen("jobs", queue=5) as slow, db.listen("jobs") as quick:
        db.execute("SELECT pg_notify('jobs', i::text) FROM generate_series(1, 1000) AS i")
        assert [payload(quick.next(timeout=10)) for _ in range(1000)] == [str(i) for i in range(1, 1001)]
        assert [payload(slow.next(timeout=10)) for _ in range(5)] == list("12345")
        assert slow.next(timeout=10) == Gap(995, reconnected=False)
        assert db.stats["notifications_dropped"] == 995


def test_a_listener_that_is_dropped_stops_listening(db: PooledDatabase) -> None:
    notes = db.listen("jobs").__enter__()
    assert db.stats["listening"] == 1
    del notes
    gc.collect()
    eventually(lambda: db.stats["listening"] == 0)


def test_closing_the_pool_ends_the_wait(make_pool: MakePool) -> None:
    db = make_pool()
    with db.listen("jobs") as notes:
        threading.Thread(target=db.close).start()
        with pytest.raises(pycopg.PoolClosed):
            next(notes)
        with pytest.raises(pycopg.PoolClosed):
            notes.next(timeout=0)


def test_a_child_has_listeners_of_its_own(db: PooledDatabase) -> None:
    with db.listen("jobs") as notes:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with contextlib.suppress(pycopg.InterfaceError):
                    notes.next(timeout=0)
                    os._exit(2)
                with db.listen("jobs") as own:
                    db.notify("jobs", "of the child")
                    status = 0 if payload(own.next(timeout=10)) == "of the child" else 3
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert payload(notes.next(timeout=10)) == "of the child"


def test_ctrl_c_ends_a_wait_and_loses_nothing(db: PooledDatabase) -> None:
    with db.listen("jobs") as notes:
        killer = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
        killer.start()
        with pytest.raises(KeyboardInterrupt):
            notes.next()
        db.notify("jobs", "one")
        assert payload(notes.next(timeout=10)) == "one"


def test_one_thread_at_a_time_waits(db: PooledDatabase) -> None:
    with db.listen("jobs") as notes:
        other = threading.Thread(target=notes.next)
        other.start()

        def is_refused() -> bool:
            with contextlib.suppress(pycopg.InterfaceError):
                notes.next(timeout=0)
                return False
            return True

        eventually(is_refused)
        db.notify("jobs")
        other.join()


def test_why_nobody_listens() -> None:
    db = PooledDatabase.from_url("postgresql://127.0.0.1:1/none", min_size=0)
    with (
        db,
        pytest.raises(pycopg.PoolTimeout, match=r"does not listen to 'jobs'.*refused"),
        db.listen("jobs", timeout=0.2),
    ):
        pass


# On an event loop.


def test_tasks_hear_too(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.listen("jobs", "done") as notes:
            await db.notify("jobs", "one")
            async with db.connection() as conn:
                await conn.notify("done", "two")
            heard = []
            async for note in notes:
                heard.append(payload(note))
                if len(heard) == 2:
                    break
            assert heard == ["one", "two"]
            assert await notes.next(timeout=0) is None
            assert await notes.next(timeout=0.01) is None
            await notes.add("more", timeout=10)
            notes.remove("jobs")
            await db.notify("jobs", "removed")
            await db.notify("more", "three")
            assert [payload(note) async for note in notes.within(0.5)] == ["three"]
            assert notes.channels == ["done", "more"]
        eventually(lambda: db.stats["listening"] == 0)
        assert [note async for note in notes] == []

    run(body)


def test_a_cancelled_task_loses_nothing(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.listen("jobs") as notes:
            for number in range(50):
                waits = asyncio.ensure_future(notes.next())
                await NextRound()
                await db.notify("jobs", str(number))
                waits.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    assert payload(await waits) == str(number)
                    continue
                assert payload(await notes.next(timeout=10)) == str(number)

    run(body)


def test_a_timeout_of_asyncio_loses_nothing(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.listen("jobs") as notes:
            heard = []

            async def listen() -> None:
                while len(heard) < 200:
                    with contextlib.suppress(asyncio.TimeoutError):
                        heard.append(payload(await asyncio.wait_for(notes.next(), 0.001)))

            listening = asyncio.ensure_future(listen())
            for number in range(200):
                await db.notify("jobs", str(number))
            await asyncio.wait_for(listening, 20)
            assert heard == [str(number) for number in range(200)]

    run(body)


def test_tasks_get_gaps_and_the_end_of_the_pool(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.listen("jobs") as notes:
            await db.execute(KILL)
            assert await notes.next(timeout=10) == RECONNECTED
            await db.notify("jobs", "after")
            assert payload(await notes.next(timeout=10)) == "after"
            waits = asyncio.ensure_future(notes.next())
            await NextRound()
            await db.close()
            with pytest.raises(pycopg.PoolClosed):
                await waits

    run(body)


def test_a_cancelled_beginning_leaves_no_listener(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        notes = db.listen("jobs")
        entering = asyncio.ensure_future(notes.__aenter__())
        await NextRound()
        entering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await entering
            await notes.close()
        await eventually_async(lambda: db.stats["listening"] == 0 and db.stats["listeners"] == 0)

    run(body)


def test_both_faces_of_a_pool_share_the_connection(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.listen("jobs") as notes:
            with db.sync.listen("jobs") as others:
                assert db.stats["listening"] == 1
                await db.notify("jobs", "both")
                assert payload(await notes.next(timeout=10)) == "both"
                assert payload(others.next(timeout=10)) == "both"

    run(body)
