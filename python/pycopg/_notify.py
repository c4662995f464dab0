"""Called by a pool's own thread, which must not be held up: user code gets a thread of its own."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING

from ._exit import is_ending

if TYPE_CHECKING:
    from .async_pool import AsyncPooledDatabase
    from .pool import PooledDatabase

logger = logging.getLogger("pycopg")


def reconnect_failed(weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase]) -> None:
    pool = weak_pool()
    if pool is not None and pool._reconnect_failed is not None:
        call = pool._reconnect_failed
        threading.Thread(target=call, args=(pool,), name="pycopg-reconnect-failed", daemon=True).start()


def listened(pool: PooledDatabase | AsyncPooledDatabase) -> None:
    """Called by whoever has executed LISTEN: nobody will be notified. Says so once for a pool."""
    if not pool._told_of_listen:
        pool._told_of_listen = True
        text = "%r: LISTEN on a connection of the pool hears nothing, notifications are dropped: use one of your own"
        logger.warning(text, pool)


def leaked(weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase], age_s: float, holder: str) -> None:
    pool = weak_pool()
    text = "%r: a connection has been leased for %.1f s, taken at %s"
    threading.Thread(target=logger.warning, args=(text, pool, age_s, holder), daemon=True).start()


def outage_began(weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase], message: str) -> None:
    # What a pool runs into while the program ends, such as the end of another pool, is no outage.
    if weak_pool() is not None and not is_ending():
        threading.Thread(target=logger.warning, args=("%s", message), daemon=True).start()


def outage_ended(
    weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase], duration_s: float, failures: int
) -> None:
    pool = weak_pool()
    if pool is not None:
        text = "%r: connecting works again, after %.1f s and %d failed connects"
        threading.Thread(target=logger.warning, args=(text, pool, duration_s, failures), daemon=True).start()
