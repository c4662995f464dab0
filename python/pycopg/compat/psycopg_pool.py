"""psycopg_pool's interface: `from pycopg.compat.psycopg_pool import ConnectionPool`.

The pools are pools of copg, and their connections have psycopg's manners. docs/psycopg-pool.md says what differs.
"""

from ..errors import PoolClosed, PoolTimeout, TooManyRequests
from ._async_connection import AsyncConnection, AsyncCursor
from ._async_pool import AsyncConnectionPool, AsyncNullConnectionPool
from ._connection import Connection, Cursor
from ._pool import ConnectionPool, NullConnectionPool

__all__ = [
    "AsyncConnection",
    "AsyncConnectionPool",
    "AsyncCursor",
    "AsyncNullConnectionPool",
    "Connection",
    "ConnectionPool",
    "Cursor",
    "NullConnectionPool",
    "PoolClosed",
    "PoolTimeout",
    "TooManyRequests",
]
