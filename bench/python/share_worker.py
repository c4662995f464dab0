"""One contender of `scripts/bench share` in Python, which takes its turns as it is told. Started by share_workers.py.

usage: share_worker.py CONTENDER CONNECTIONS PROGRAM
PROGRAM is copg-bench-share. It makes the arrivals, and its --help says what stands on the standard input here too.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import importlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import load
import scenarios
from histograms import histogram
from share_results import Turn

ARRIVAL = struct.Struct("@qii")  # bench/share/arrivals.hpp: when it is due in nanoseconds, row, whether it is slow
MOST_OUTSTANDING = 5000  # bench/share/contest.hpp
COUNTED = {"shared": "statements_shared", "runs": "runs_num", "isolated": "statements_isolated"}

Ask = Callable[[int], Awaitable[None]]


def asking(select: Callable[[int], Awaitable[Any]]) -> Ask:
    async def ask(number: int) -> None:
        row = await select(number)
        if row["id"] != number:
            raise RuntimeError(f"asked for row {number}, got {row['id']}")

    return ask


async def closed_loop(ask: Ask, clients: int, seconds: float) -> Turn:
    of_clients, wall_s, cpu_s = await load.times_of_tasks(ask, clients, seconds)
    times_us = [one / 1e3 for times_ns in of_clients for one in times_ns]
    return Turn(len(times_us), 0, seconds, wall_s, cpu_s, fast=histogram(times_us))


class OpenLoop:
    """A task for each arrival, as for each request to a service."""

    def __init__(self, ask_fast: Ask, ask_slow: Ask) -> None:
        self.asks = (ask_fast, ask_slow)
        self.times_us: tuple[list[float], list[float]] = ([], [])
        self.tasks: set[asyncio.Task[None]] = set()
        self.offered = self.dropped = 0
        self.first_due = self.last_due = self.last_answer = 0
        self.error: Exception | None = None
        self.no_more = asyncio.Event()

    async def run(self, arrivals: list[str]) -> Turn:
        loop = asyncio.get_running_loop()
        cpu_s = time.process_time()
        with subprocess.Popen(arrivals, stdout=subprocess.PIPE) as process:
            assert process.stdout
            descriptor = process.stdout.fileno()
            loop.add_reader(descriptor, self.receive, descriptor)
            await self.no_more.wait()
            loop.remove_reader(descriptor)
        while self.tasks:
            await asyncio.wait(self.tasks)
        cpu_s = time.process_time() - cpu_s
        if self.error:
            raise self.error
        scheduled_s, wall_s = ((end - self.first_due) / 1e9 for end in (self.last_due, self.last_answer))
        fast, slow = map(histogram, self.times_us)
        return Turn(self.offered, self.dropped, scheduled_s, wall_s, cpu_s, fast=fast, slow=slow)

    def receive(self, descriptor: int) -> None:
        arrived = os.read(descriptor, 256 * ARRIVAL.size)
        if not arrived:
            self.no_more.set()
        for due, number, slow in ARRIVAL.iter_unpack(arrived):
            if self.offered == 0:
                self.first_due = due
            self.last_due = due
            self.offered += 1
            if len(self.tasks) == MOST_OUTSTANDING:
                self.dropped += 1
                continue
            task = asyncio.create_task(self.serve(due, number, slow))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def serve(self, due: int, number: int, slow: int) -> None:
        try:
            await self.asks[slow](number)
        except Exception as error:
            self.error = error
        self.last_answer = time.perf_counter_ns()
        self.times_us[slow].append((self.last_answer - due) / 1e3)


async def take_turn(client: Any, program: str, line: str) -> Turn:
    fast, slow = asking(client.select), asking(client.select_slow)
    loop, *words = line.split()
    if loop == "closed":
        clients, seconds, kind = words
        return await closed_loop(slow if kind == "slow" else fast, int(clients), float(seconds))
    return await OpenLoop(fast, slow).run([program, "arrivals", *words])


async def main() -> None:
    contender, connections, program = sys.argv[1:]
    module, class_name = scenarios.Contender(contender, tasks=True).client
    client = getattr(importlib.import_module(module), class_name)(os.environ["DATABASE_URL"], int(connections))
    statistics: Callable[[], dict[str, Any]] = getattr(client, "stats", dict)
    await client.open()
    for line in sys.stdin:
        before = statistics()
        gc.collect()
        turn = await take_turn(client, program, line)
        for value, name in COUNTED.items() if before else ():
            setattr(turn, value, statistics()[name] - before[name])
        print(json.dumps(dataclasses.asdict(turn)), flush=True)
    await client.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends at once, and not when asyncio comes to it
    asyncio.run(main())
