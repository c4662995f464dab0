"""Processes that take turns as they are told, a line each, and answer each with a line of JSON."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

GRACE_S = 60


class Worker:
    """One contender, and the process that it has of its own."""

    def __init__(self, contender: str, command: list[str]) -> None:
        self.contender = contender
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, line: str) -> None:
        assert self.process.stdin
        try:
            print(line, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise RuntimeError(f"{self.contender} has ended with {self.process.wait()}") from None

    def answer(self, seconds: float) -> dict[str, Any]:
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
        found: dict[str, Any] = json.loads(line)
        return found

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


Some = TypeVar("Some", bound=Worker)


def warm_up(workers: list[Some], line: str) -> None:
    """All at a time: it is not measured."""
    for worker in workers:
        worker.tell(line)
    for worker in workers:
        worker.answer(GRACE_S)


@contextmanager
def at_work(workers: Iterator[Some]) -> Iterator[list[Some]]:
    """All that there are, started one after the other; none is left when the block ends."""
    started: list[Some] = []
    try:
        for worker in workers:
            started.append(worker)
        yield started
    except BaseException:
        for worker in started:
            worker.process.kill()
        raise
    finally:
        for worker in started:
            worker.end()
