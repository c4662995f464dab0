"""Called by a pool's own thread, which must not be held up: user code gets a thread of its own."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._exit import is_ending

if TYPE_CHECKING:
    from .async_pool import AsyncPooledDatabase
    from .pool import PooledDatabase

logger = logging.getLogger("pycopg")


def reconnect_failed(weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase]) -> None:
    pool = weak_pool()
    if pool is not None and pool._reconnect_failed is not None:
        _on_a_thread("reconnect-failed", pool._reconnect_failed, pool)


def listened(pool: PooledDatabase | AsyncPooledDatabase) -> None:
    """Called by whoever has executed LISTEN: nobody will be notified. Says so once for a pool."""
    if not pool._told_of_listen:
        pool._told_of_listen = True
        text = "%r: LISTEN on a connection of the pool hears nothing, notifications are dropped: use one of your own"
        logger.warning(text, pool)


def leaked(weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase], age_s: float, holder: str) -> None:
    text = "%r: a connection has been leased for %.1f s, taken at %s"
    _on_a_thread("leaked", logger.warning, text, weak_pool(), age_s, holder)


def outage_began(weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase], message: str) -> None:
    # What a pool runs into while the program ends, such as the end of another pool, is no outage.
    if weak_pool() is not None and not is_ending():
        _on_a_thread("outage", logger.warning, "%s", message)


def outage_ended(
    weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase], duration_s: float, failures: int
) -> None:
    pool = weak_pool()
    if pool is not None:
        text = "%r: connecting works again, after %.1f s and %d failed connects"
        _on_a_thread("outage", logger.warning, text, pool, duration_s, failures)


def _on_a_thread(name: str, call: Callable[..., Any], *args: Any) -> None:
    try:
        threading.Thread(target=call, args=args, name=f"pycopg-{name}", daemon=True).start()
    except RuntimeError as error:  # the process may have no more: nobody but this thread is there to say so
        logger.warning("could not call %s%r: %s", getattr(call, "__qualname__", call), args, error)
