"""The end of the interpreter closes every pool."""

from __future__ import annotations

import atexit
import weakref
from typing import Protocol

from . import _native
from .errors import _settle_classes


class _Closes(Protocol):
    def _close_at_exit(self) -> None: ...


_pools: weakref.WeakSet[_Closes] = weakref.WeakSet()
_ending = False


def is_ending() -> bool:
    """Pools are being closed, one after the other, since the program ends."""
    return _ending


def close_at_exit(pool: _Closes) -> None:
    _pools.add(pool)


@atexit.register
def _close_all_pools() -> None:
    """Threads that still wait or query get PoolClosed, and time to be told."""
    global _ending
    _ending = True
    patience_s = 0.5
    _settle_classes()
    for pool in list(_pools):
        pool._close_at_exit()
    _native.end_calls(patience_s)
