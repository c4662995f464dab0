"""Notifications to one listener: how many a second are heard, beside asyncpg's add_listener and psycopg's notifies().

The contestants take turns. In each turn another connection sends as many notifications as --count says, a thousand in a
statement, each as soon as the one before is answered; the turn ends when the last was heard. Each must hear all, in
order. Then pycopg hears --rate a second for --seconds, and must miss none. Needs a server in DATABASE_URL. Called
by `scripts/bench notifications`, which provides it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable

import asyncpg
import psycopg

import pycopg

CHANNEL = "copg_bench"
BATCH = 1000
SEND = f"SELECT pg_notify('{CHANNEL}', i::text) FROM generate_series(%s::int, %s::int) AS i"
TO_REACH = 10_000  # a second


def own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def send(url: str, count: int) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for first in range(1, count + 1, BATCH):
            conn.execute(SEND, (first, min(first + BATCH - 1, count)))


class Heard:
    """Checks that all come, in order."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.last = 0

    def take(self, payload: str) -> bool:
        """Returns whether this was the last one."""
        self.last += 1
        if int(payload) != self.last:
            raise RuntimeError(f"number {self.last} was missed: {payload} came")
        return self.last == self.count


class Turn:
    def __init__(self, url: str, count: int, contestant: Callable[[str, Heard, Callable[[], None]], None]) -> None:
        sender = threading.Thread(target=send, args=[url, count])
        began = cpu = 0.0

        def ready() -> None:
            nonlocal began, cpu
            began, cpu = time.perf_counter(), own_cpu()
            sender.start()

        contestant(url, Heard(count), ready)
        self.rate = count / (time.perf_counter() - began)
        self.cpu_us = (own_cpu() - cpu) / count * 1e6
        sender.join()


def with_pycopg(url: str, heard: Heard, ready: Callable[[], None]) -> None:
    queue = heard.count
    with pycopg.PooledDatabase.from_url(url, 1, 1) as db, db.listen(CHANNEL, queue=queue) as notes:
        ready()
        for note in notes:
            if heard.take(note.payload if isinstance(note, pycopg.Notification) else "0"):
                return


def with_pycopg_asyncio(url: str, heard: Heard, ready: Callable[[], None]) -> None:
    async def main() -> None:
        async with pycopg.AsyncPooledDatabase.from_url(url, 1, 1) as db, db.listen(CHANNEL, queue=heard.count) as notes:
            ready()
            async for note in notes:
                if heard.take(note.payload if isinstance(note, pycopg.Notification) else "0"):
                    return

    asyncio.run(main())


def with_psycopg(url: str, heard: Heard, ready: Callable[[], None]) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"LISTEN {CHANNEL}")
        ready()
        for note in conn.notifies():
            if heard.take(note.payload):
                return


def with_asyncpg(url: str, heard: Heard, ready: Callable[[], None]) -> None:
    async def main() -> None:
        conn = await asyncpg.connect(url)
        done = asyncio.get_running_loop().create_future()

        def hear(_conn: object, _pid: int, _channel: str, payload: object) -> None:
            if heard.take(str(payload)):
                done.set_result(None)

        await conn.add_listener(CHANNEL, hear)
        ready()
        await done
        await conn.close()

    asyncio.run(main())


CONTESTANTS = {
    "pycopg": with_pycopg,
    "pycopg asyncio": with_pycopg_asyncio,
    "psycopg": with_psycopg,
    "asyncpg": with_asyncpg,
}


def paced(url: str, rate: int, seconds: float) -> None:
    """So many a second, in equal steps."""
    steps = max(1, int(seconds * 100))
    each = rate // 100
    with pycopg.PooledDatabase.from_url(url, 1, 2) as db, db.listen(CHANNEL) as notes:
        began = time.perf_counter()

        def send_paced() -> None:
            with psycopg.connect(url, autocommit=True) as conn:
                for step in range(steps):
                    time.sleep(max(0.0, began + step / 100 - time.perf_counter()))
                    conn.execute(SEND, (step * each + 1, (step + 1) * each))

        sender = threading.Thread(target=send_paced)
        cpu = own_cpu()
        sender.start()
        heard = Heard(steps * each)
        for note in notes:
            if heard.take(note.payload if isinstance(note, pycopg.Notification) else "0"):
                break
        took = time.perf_counter() - began
        sender.join()
        print(
            f"\n{heard.last:,} at {rate:,} a second, in {took:.2f} s: none missed, dropped "
            f"{db.stats['notifications_dropped']}, {(own_cpu() - cpu) / took:.0%} of a CPU with the sender"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=TO_REACH)
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    url = os.environ["DATABASE_URL"]
    turns: dict[str, list[Turn]] = {name: [] for name in CONTESTANTS}
    for number in range(arguments.rounds + 1):  # the first warms up
        order = list(CONTESTANTS.items())
        for name, contestant in order if number % 2 else reversed(order):
            turn = Turn(url, arguments.count, contestant)
            if number > 0:
                turns[name].append(turn)
    print(
        f"{arguments.count:,} notifications, medians of {arguments.rounds} rounds (to reach: {TO_REACH:,} a second)\n"
    )
    print(f"{'':16}{'heard a second':>16}{'client CPU, us each':>22}{'rate by psycopg':>18}{'by asyncpg':>12}")
    for name, own in turns.items():
        by = [
            statistics.median(mine.rate / other.rate for mine, other in zip(own, turns[peer]))
            for peer in ("psycopg", "asyncpg")
        ]
        print(
            f"{name:16}{statistics.median(it.rate for it in own):>16,.0f}"
            f"{statistics.median(it.cpu_us for it in own):>22.2f}{by[0]:>18.2f}{by[1]:>12.2f}"
        )
    paced(url, arguments.rate, arguments.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
