"""What `run` of both pools has in common: which errors are followed by another attempt, and who may not call it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from . import _native
from ._error_tree import CommitUnknown, Error, InterfaceError
from .deadline import Deadline, as_deadline


class Attempts:
    """The attempts of one `run`, which end by one deadline."""

    def __init__(self, pool: _native.AnyPool, attempts: int, timeout: float | Deadline) -> None:
        self.deadline = as_deadline(timeout)
        self._native = _native.Attempts(pool, attempts, self.deadline.left())

    def pause_after(self, error: Exception) -> float | None:
        """Returns the seconds to wait before the next attempt. None: `error` is the last, and tells of all of them."""
        if not isinstance(error, Error):
            return None
        first, newline, rest = (str(error.args[0]) if error.args else "").partition("\n")
        undone = error.sqlstate is not None and not isinstance(error, CommitUnknown)
        pause_s = self._native.pause_after(error.sqlstate or "", first, undone)
        if pause_s is None:
            causes, told = self._native.told()
            if told:
                error.attempts = causes
                error.args = (first + told + newline + rest, *error.args[1:])
        return pause_s


class Inside(set[Any]):
    """The threads and tasks that are inside a transaction() block of one pool. The outermost block removes its own."""

    def refuse(self, who: Any) -> None:
        if who in self:
            raise InterfaceError(
                "run inside a transaction of the same pool: it would be a transaction of its own, on another "
                "connection, and could not be undone with this one. Call it around the transaction instead"
            )


this_thread = threading.get_ident
this_task = asyncio.current_task
