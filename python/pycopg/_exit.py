"""Closes every pool when the interpreter ends."""

from __future__ import annotations

import atexit
import time
import weakref

from . import _native
from ._error_tree import _settle_classes

_pools: weakref.WeakSet[_native.AnyPool] = weakref.WeakSet()
_ending = False


def is_ending() -> bool:
    """Whether the program is ending, so that its pools are closed or being closed."""
    return _ending


def close_at_exit(pool: _native.AnyPool) -> None:
    _pools.add(pool)


@atexit.register
def _close_all_pools() -> None:
    """Takes `bound_s` for all pools together. Threads inside a call get PoolClosed, and `patience_s` to leave it."""
    global _ending
    _ending = True
    bound_s = 1.0
    patience_s = 0.5
    _settle_classes()
    pools = list(_pools)
    deadline = time.monotonic() + bound_s
    for pool in pools:
        pool._start_close(0.0)
    for pool in pools:
        pool._finish_close(max(0.0, deadline - time.monotonic()))
    _native.wait_for_events(max(patience_s, deadline - time.monotonic()))
    _native.end_calls(patience_s)
