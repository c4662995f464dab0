"""How often the user's `check` may refuse a connection for one request, and the error when it refused too often."""

from __future__ import annotations

import logging
import time

from . import _native
from ._error_tree import PoolTimeout, pool_timeout

logger = logging.getLogger("pycopg")


class Refusals:
    """Counts the connections that `check` has refused for one request."""

    def __init__(self, pool: _native.AnyPool, timeout_s: float) -> None:
        self._pool = pool
        self._began = time.monotonic()
        self._timeout_s = timeout_s
        self._count = 0
        # All connections of the pool may be bad. If one more is refused, which is new, the check itself is at fault.
        self._most: int = pool.stats["pool_max"] + 1

    def time_left(self) -> float | None:
        """Counts a refusal. Returns the seconds that are left to lease another connection; None: give up."""
        self._count += 1
        time_left = self._began + self._timeout_s - time.monotonic()
        return time_left if time_left > 0 and self._count < self._most else None

    def another_try(self, refusal: Exception) -> bool:
        """Counts a refusal, and logs it, since no error will tell of it. Whether another connection may be tried."""
        self._count += 1
        logger.warning("%r: `check` refused a connection: %s: %s", self._pool, type(refusal).__name__, refusal)
        return self._count < self._most

    def told(self, last: Exception) -> PoolTimeout:
        """Returns the error for the caller. `last`, the check's last exception, is to be its cause."""
        took_s = time.monotonic() - self._began
        return pool_timeout(
            f"{self._pool!r}: `check` refused each connection, {self._count} in {took_s:.3g} s, "
            f"the last one with {type(last).__name__}: {last}"
        )
