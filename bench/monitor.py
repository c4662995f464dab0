"""What a monitor costs that somebody looks at: CPU time of its thread, while a pool answers 10,000 requests a second.

usage: copg with-postgres -- python bench/monitor.py [--rate N] [--viewers N] [--seconds N]
"""

from __future__ import annotations

import argparse
import pathlib
import threading
import time
import urllib.request

import pycopg


def cpu_seconds(thread: str) -> float:
    """Of the thread of this process that is called so."""
    for task in pathlib.Path("/proc/self/task").iterdir():
        if (task / "comm").read_text().strip() == thread:
            return int((task / "schedstat").read_text().split()[0]) / 1e9
    raise LookupError(f"no thread is called {thread}")


def watch(url: str, over: threading.Event) -> None:
    with urllib.request.urlopen(url + "events") as events:
        for _ in events:
            if over.is_set():
                return


def work(db: pycopg.PooledDatabase, rate: float, over: threading.Event, done: list[int]) -> None:
    """Executes statements at this rate, and catches up after a pause."""
    begin = time.monotonic()
    count = 0
    while not over.is_set():
        if count > (time.monotonic() - begin) * rate:
            over.wait(0.001)
            continue
        db.execute("SELECT 1")
        count += 1
    done.append(count)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=float, default=10_000.0)
    arguments.add_argument("--viewers", type=int, default=1)
    arguments.add_argument("--seconds", type=float, default=20.0)
    given = arguments.parse_args()
    callers = 8
    with pycopg.PooledDatabase.from_env(max_size=10) as db, db.monitor() as monitor:
        over = threading.Event()
        done: list[int] = []
        threads = [threading.Thread(target=watch, args=(monitor.url, over)) for _ in range(given.viewers)]
        threads += [threading.Thread(target=work, args=(db, given.rate / callers, over, done)) for _ in range(callers)]
        for thread in threads:
            thread.start()
        before, begin = cpu_seconds("copg-monitor"), time.monotonic()
        over.wait(given.seconds)
        spent, took = cpu_seconds("copg-monitor") - before, time.monotonic() - begin
        over.set()
        for thread in threads:
            thread.join()
        print(
            f"{sum(done) / took:,.0f} requests per second, {given.viewers} viewers: the monitor's thread took "
            f"{spent:.3f} s of {took:.0f} s, {spent / took:.2%} of one CPU"
        )


if __name__ == "__main__":
    main()
