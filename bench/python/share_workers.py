"""The processes of the contenders: all of a scenario are there at a time, and take turns as they are told."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import share_scenarios
from share_results import Turn
from statements import SELECT_SLOW_NUMBERED, SELECT_USER_NUMBERED

HERE = pathlib.Path(__file__).resolve().parent
WARM_UP_S = 0.3  # connects, prepares statements, fills caches
SLOW_WARM_UP_S = 0.2  # and finds out what is slow
GRACE_S = 60


class Worker:
    """One contender. Its program says what it understands: copg-bench-share --help."""

    def __init__(self, contender: str, connections: int, program: str) -> None:
        self.contender = contender
        command = [program, contender, str(connections), SELECT_USER_NUMBERED, SELECT_SLOW_NUMBERED]
        if contender in share_scenarios.IN_PYTHON:
            command = [sys.executable, "-B", str(HERE / "share_worker.py"), contender, str(connections), program]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, line: str) -> None:
        assert self.process.stdin
        try:
            print(line, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise RuntimeError(f"{self.contender} has ended with {self.process.wait()}") from None

    def answer(self, seconds: float) -> Turn:
        """The turn that it was told to take, which was to take so long."""
        assert self.process.stdout
        watchdog = threading.Timer(seconds + GRACE_S, self.process.kill)
        watchdog.start()
        try:
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise RuntimeError(f"{self.contender} has ended with {self.process.wait()}")
        return Turn(**json.loads(line))

    def closed(self, clients: int, seconds: float) -> Turn:
        self.tell(f"closed {clients} {seconds} fast")
        return self.answer(seconds)

    def open(self, rate: float, slow_part: float, seconds: float, seed: int) -> Turn:
        self.tell(f"open {rate} {slow_part} {seconds} {seed}")
        return self.answer(seconds)

    def end(self) -> None:
        """It ends when there is nothing more to be told."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.close()
            self.process.wait(GRACE_S)
        except BaseException:  # also what interrupts: none is left behind
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()


def _warm_up(workers: list[Worker], scenario: share_scenarios.Scenario) -> None:
    warm_ups = [f"closed {2 * scenario.connections} {WARM_UP_S} fast"]
    if scenario.slow_part:
        warm_ups.append(f"closed {scenario.connections} {SLOW_WARM_UP_S} slow")
    for line in warm_ups:
        for worker in workers:
            worker.tell(line)
        for worker in workers:
            worker.answer(GRACE_S)


@contextmanager
def at_work(scenario: share_scenarios.Scenario, contenders: list[str], program: str) -> Iterator[list[Worker]]:
    workers: list[Worker] = []
    try:
        for contender in contenders:
            workers.append(Worker(contender, scenario.connections, program))
        _warm_up(workers, scenario)
        yield workers
    except BaseException:
        for worker in workers:
            worker.process.kill()
        raise
    finally:
        for worker in workers:
            worker.end()
