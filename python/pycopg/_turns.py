"""Turns of tasks on one connection: asyncio.Lock with a deadline, which wait_for can lose before Python 3.12."""

from __future__ import annotations

import asyncio
from collections import deque

from .errors import pool_timeout


class Turns:
    """Taken in the order of asking. Of one event loop at a time."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, timeout_s: float) -> float:
        """The seconds that were waited; PoolTimeout after `timeout_s`. `give` must follow."""
        if not self._taken:
            self._taken = True
            return 0.0
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        began = loop.time()
        timer = loop.call_later(timeout_s, _expire, turn, timeout_s)
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give()  # it was this task's already, which was cancelled before it could go on
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        finally:
            timer.cancel()
        return loop.time() - began

    def give(self) -> None:
        """To the next, who has it from here on: nobody who comes later gets ahead."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False


def _expire(turn: asyncio.Future[None], timeout_s: float) -> None:
    if not turn.done():
        words = f"no turn on this connection within {timeout_s:.3g} s: other tasks use it; nothing was sent"
        turn.set_exception(pool_timeout(words))
