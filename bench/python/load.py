"""Threads or tasks that call for some seconds, and what that cost the process."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import random
import resource
import statistics
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from statements import LARGEST_ID


@dataclass
class Measurement:
    """What one run found. Times are of single calls, or means of a few where one is too short to be timed."""

    per_s: float
    cpu_us: float  # of the client's process with all its threads, per item
    p50_us: float
    p99_us: float
    errors: dict[str, int] = field(default_factory=dict)  # kind and count


def quantiles(times_ns: list[int]) -> tuple[float, float]:
    if len(times_ns) < 2:
        return times_ns[0] / 1e3, times_ns[0] / 1e3
    cuts = statistics.quantiles(times_ns, n=100, method="inclusive")
    return cuts[49] / 1e3, cuts[98] / 1e3


def ids(seed: int) -> Callable[[], int]:
    """Random ids, in an order that depends on the seed, made beforehand."""
    numbers = random.Random(seed).choices(range(1, LARGEST_ID + 1), k=1000)
    return itertools.cycle(numbers).__next__


def _sum_up(times_ns: list[list[int]], calls_per_time: int, items: int, wall_s: float, cpu_s: float) -> Measurement:
    all_times = [one for of_client in times_ns for one in of_client]
    count = len(all_times) * calls_per_time * items
    p50_us, p99_us = quantiles(all_times)
    return Measurement(count / wall_s, cpu_s / count * 1e6, p50_us / calls_per_time, p99_us / calls_per_time)


def by_threads(
    call: Callable[[int], object], threads: int, seconds: float, calls_per_time: int = 1, items: int = 1
) -> Measurement:
    """`items`: what one call counts for, such as the rows that it fetches."""
    found = times_of_threads(call, threads, seconds, calls_per_time)
    return _sum_up(found.times_ns, calls_per_time, items, found.wall_s, found.cpu_s)


@dataclass
class ThreadTimes:
    times_ns: list[list[int]]  # of each thread's calls, or of as many together as are timed at a time
    wall_s: float = 0
    cpu_s: float = 0  # of the process
    context_switches: int = 0
    before: int = 0  # times that are not among them: those of calls that began before every thread was there


def times_of_threads(
    call: Callable[[int], object], threads: int, seconds: float, calls_per_time: int = 1
) -> ThreadTimes:
    """From when the last thread has begun: with many of them, each of which needs the GIL, that may take a second."""
    found = ThreadTimes([[] for _ in range(threads)])
    gate, opener = os.pipe()
    arrived: list[int] = []
    began_ns, end_ns = math.inf, math.inf
    before = [0] * threads
    errors: list[BaseException] = []

    def client(number: int) -> None:
        next_id, mine = ids(number), found.times_ns[number]
        os.read(gate, 1)
        arrived.append(number)
        try:
            now = time.perf_counter_ns()
            while now < end_ns:
                for _ in range(calls_per_time):
                    call(next_id())
                then, now = now, time.perf_counter_ns()
                if then >= began_ns:
                    mine.append(now - then)
                else:
                    before[number] += 1
        except Exception as error:
            errors.append(error)

    clients = [threading.Thread(target=client, args=[number], daemon=True) for number in range(threads)]
    for one in clients:
        one.start()
    os.write(opener, bytes(threads))
    while len(arrived) < threads:
        time.sleep(0.001)
    switches, cpu_s, now_ns = context_switches(), time.process_time(), time.perf_counter_ns()
    began_ns, end_ns = now_ns, now_ns + int(seconds * 1e9)
    for one in clients:
        one.join()
    found.wall_s, found.cpu_s = (time.perf_counter_ns() - now_ns) / 1e9, time.process_time() - cpu_s
    found.context_switches, found.before = context_switches() - switches, sum(before)
    os.close(gate)
    os.close(opener)
    if errors:
        raise errors[0]
    return found


def context_switches() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_nvcsw + used.ru_nivcsw


async def by_tasks(call: Callable[[int], Awaitable[object]], tasks: int, seconds: float, items: int = 1) -> Measurement:
    times_ns, wall_s, cpu_s = await times_of_tasks(call, tasks, seconds)
    return _sum_up(times_ns, 1, items, wall_s, cpu_s)


async def times_of_tasks(
    call: Callable[[int], Awaitable[object]], tasks: int, seconds: float
) -> tuple[list[list[int]], float, float]:
    """The times of each task's calls in nanoseconds; wall and processor time of all in seconds."""
    times_ns: list[list[int]] = [[] for _ in range(tasks)]
    cpu_s, began_ns = time.process_time(), time.perf_counter_ns()
    end_ns = began_ns + int(seconds * 1e9)

    async def client(number: int) -> None:
        next_id, mine = ids(number), times_ns[number]
        now = time.perf_counter_ns()
        while now < end_ns:
            await call(next_id())
            then, now = now, time.perf_counter_ns()
            mine.append(now - then)

    await asyncio.gather(*(client(number) for number in range(tasks)))
    return times_ns, (time.perf_counter_ns() - began_ns) / 1e9, time.process_time() - cpu_s
