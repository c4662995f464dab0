"""pycopg as a contender of `scripts/bench threads`, which takes its turns as it is told. Started by threads.py.

usage: threads_worker.py CONTENDER CONNECTIONS
copg-bench-threads --help says what stands on the standard input here too.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import load
import scenarios
from histograms import histogram
from threads_results import Turn
from threads_scenarios import LEASE_SELECT, SELECT, TRANSACTION


def asking(query: Callable[[int], Any]) -> Callable[[int], None]:
    def ask(number: int) -> None:
        found = query(number)
        row = found[0] if isinstance(found, list) else found
        if row["id"] != number:
            raise RuntimeError(f"asked for row {number}, got {row['id']}")

    return ask


def take_turn(client: Any, line: str) -> Turn:
    work, threads, seconds = line.split()
    query = {SELECT: client.select, LEASE_SELECT: client.lease_and_select, TRANSACTION: client.transaction}[work]
    found = load.times_of_threads(asking(query), int(threads), float(seconds))
    times_us = [one / 1e3 for times_ns in found.times_ns for one in times_ns]
    return Turn(
        len(times_us),
        found.wall_s,
        found.cpu_s,
        found.context_switches,
        max(times_us, default=0),
        histogram(times_us),
        found.before,
    )


def main() -> None:
    contender, connections = sys.argv[1:]
    module, class_name = scenarios.Contender(contender).client
    client = getattr(importlib.import_module(module), class_name)(os.environ["DATABASE_URL"], int(connections))
    for line in sys.stdin:
        gc.collect()
        print(json.dumps(dataclasses.asdict(take_turn(client, line))), flush=True)
    client.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends at once, and not when a thread has its answer
    main()
