"""Turns of tasks on one connection: a lock with a deadline. asyncio's `wait_for` can lose a Lock before Python 3.12."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from ._error_tree import InterfaceError, pool_timeout


class Turns:
    """First come, first served. All tasks must be of one event loop at a time."""

    __slots__ = ("_inside", "_taken", "_waiting")

    def __init__(self) -> None:
        # To save a call, AsyncConnection sets it if it is False, and clears it if nobody is waiting.
        self._taken = False
        self._waiting: list[asyncio.Future[None]] = []
        self._inside: asyncio.Task[Any] | None = None

    async def take(self, timeout_s: float, *, inside: bool = False) -> float:
        """Waits for a turn, which `give` ends. Returns the seconds waited; raises PoolTimeout after `timeout_s`.

        `inside`: user code runs during the turn. If it asks for another turn, it gets InterfaceError.
        """
        waited_s = 0.0
        if self._taken:
            waited_s = await self._wait(timeout_s)
        self._taken = True
        if inside:
            self._inside = asyncio.current_task()
        return waited_s

    async def _wait(self, timeout_s: float) -> float:
        if self._inside is not None and self._inside is asyncio.current_task():
            raise InterfaceError("this connection is inside a call that this code runs in: take another from the pool")
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        began = loop.time()
        timer = None if timeout_s == math.inf else loop.call_later(timeout_s, _expire, turn, timeout_s)
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give()  # the task already had the turn when it was cancelled
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        return loop.time() - began

    def give(self) -> None:
        """Hands the turn straight to the next task, so that no later task can overtake it."""
        self._inside = None
        while self._waiting:
            turn = self._waiting.pop(0)
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False


def _expire(turn: asyncio.Future[None], timeout_s: float) -> None:
    if not turn.done():
        words = f"no turn on this connection within {timeout_s:.3g} s: other tasks use it; nothing was sent"
        turn.set_exception(pool_timeout(words))
