"""With `check`: how often a connection may be refused, and what its caller is told in the end."""

from __future__ import annotations

import time

from . import _native
from .errors import PoolTimeout, pool_timeout


class Refusals:
    """The connections that one request was given and that the user's check has refused."""

    def __init__(self, pool: _native.AnyPool, timeout_s: float) -> None:
        self._pool = pool
        self._began = time.monotonic()
        self._timeout_s = timeout_s
        self._count = 0
        # Every connection of the pool may be bad, but not every new one: then the check itself is at fault.
        self._most: int = pool.stats["pool_max"] + 1

    def time_left(self) -> float | None:
        """After a refusal: the seconds for another connection; None: there is to be none."""
        self._count += 1
        time_left = self._began + self._timeout_s - time.monotonic()
        return time_left if time_left > 0 and self._count < self._most else None

    def told(self, last: Exception) -> PoolTimeout:
        """What the caller gets; the check's last exception is its cause."""
        took_s = time.monotonic() - self._began
        return pool_timeout(
            f"{self._pool!r}: `check` refused each connection, {self._count} in {took_s:.3g} s, "
            f"the last one with {type(last).__name__}: {last}"
        )
