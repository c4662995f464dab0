"""The processes of the contenders: all of a scenario are there at a time, and take turns as they are told."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import share_scenarios
import workers
from share_results import Turn
from statements import SELECT_SLOW_NUMBERED, SELECT_USER_NUMBERED

HERE = pathlib.Path(__file__).resolve().parent
WARM_UP_S = 0.3  # connects, prepares statements, fills caches
SLOW_WARM_UP_S = 0.2  # and finds out what is slow


class Worker(workers.Worker):
    """One contender. Its program says what it understands: copg-bench-share --help."""

    def __init__(self, contender: str, connections: int, program: str) -> None:
        command = [program, contender, str(connections), SELECT_USER_NUMBERED, SELECT_SLOW_NUMBERED]
        if contender in share_scenarios.IN_PYTHON:
            command = [sys.executable, "-B", str(HERE / "share_worker.py"), contender, str(connections), program]
        super().__init__(contender, command)

    def closed(self, clients: int, seconds: float) -> Turn:
        self.tell(f"closed {clients} {seconds} fast")
        return Turn(**self.answer(seconds))

    def open(self, rate: float, slow_part: float, seconds: float, seed: int) -> Turn:
        self.tell(f"open {rate} {slow_part} {seconds} {seed}")
        return Turn(**self.answer(seconds))


@contextmanager
def at_work(scenario: share_scenarios.Scenario, contenders: list[str], program: str) -> Iterator[list[Worker]]:
    with workers.at_work(Worker(one, scenario.connections, program) for one in contenders) as started:
        workers.warm_up(started, f"closed {2 * scenario.connections} {WARM_UP_S} fast")
        if scenario.slow_part:
            workers.warm_up(started, f"closed {scenario.connections} {SLOW_WARM_UP_S} slow")
        yield started
