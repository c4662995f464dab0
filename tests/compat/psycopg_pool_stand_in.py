"""A plugin for psycopg's own tests of psycopg_pool: what they import under that name is pycopg's compatible module."""

import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, Optional

import psycopg_pool
import pytest

import pycopg.compat.psycopg_pool
from pycopg import _error_tree

LONGEST_S = 20.0  # of one test; those of psycopg_pool that look into its pool may wait for ever

for kind in _error_tree._of_pools:  # errors derive from the real psycopg_pool's, which must be found first
    _error_tree._classes.setdefault(kind, _error_tree._class_for(kind))
assert issubclass(_error_tree._class_for("pool_timeout"), psycopg_pool.PoolTimeout)
sys.modules["psycopg_pool"] = pycopg.compat.psycopg_pool

# The tests look into psycopg_pool's pools to see how many connections are idle, and how many requests wait.
for cls in (pycopg.compat.psycopg_pool.ConnectionPool, pycopg.compat.psycopg_pool.AsyncConnectionPool):
    pool: Any = cls
    pool._pool = property(lambda self: range(self._db.stats["pool_available"]))
    pool._waiting = property(lambda self: range(self._db.stats["requests_waiting"]))


def too_long(number: int, frame: Optional[FrameType]) -> None:
    raise TimeoutError(f"the test is not over after {LONGEST_S:g} s")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[Any]:
    signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
