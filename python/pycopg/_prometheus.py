"""What pools have measured, as Prometheus reads it."""

from __future__ import annotations

from . import _native
from .async_pool import AsyncPooledDatabase
from .pool import PooledDatabase

PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The Content-Type of the answer to a scrape."""


def prometheus(*pools: PooledDatabase | AsyncPooledDatabase) -> str:
    """Returns what the pools have measured as text that Prometheus reads, in its format 0.0.4.

    The name of each pool is the label `pool`; a name that has come before gets "#2", "#3" and so on behind it. Give
    each pool once: objects that share one count what it does once each. It does not block, so that it may be called in
    an event loop. TypeError for what is no pool.
    """
    return _native.prometheus(*pools)
