"""The exceptions: PEP 249's tree, a class for each SQLSTATE below it, and those that only a pool raises.

If psycopg_pool is installed, the pool's errors are also instances of its classes, so that
`except psycopg_pool.PoolTimeout` works. psycopg_pool is imported when the first of them is raised.
"""

from __future__ import annotations

from ._conditions import *  # noqa: F403
from ._error_tree import *  # noqa: F403

# This is where users, and pickle, look for them.
for _thing in list(globals().values()):
    if isinstance(_thing, type) and _thing.__module__.startswith(f"{__package__}._"):
        _thing.__module__ = __name__
