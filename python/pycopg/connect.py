"""PEP 249's `connect`, for tools that open their own connections: each is a lease from a shared pool."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ._pool_leases import lease_checked
from .config import Config
from .connection import Connection
from .pool import PooledDatabase

Self = TypeVar("Self", bound="StandaloneConnection")

_lock = threading.Lock()
_shared: dict[str, PooledDatabase] = {}


class StandaloneConnection(Connection):
    """A connection that is leased already. `close` gives it back, which rolls back what was not committed."""

    def __enter__(self: Self) -> Self:
        return self

    def close(self) -> None:
        self._give_back()


def connect(
    database: str | Config | PooledDatabase | None = None,
    *,
    autocommit: bool = False,
    row_factory: Callable[..., Any] = tuple,
) -> Connection:
    """Leases a connection from the given pool, or from the pool that this process keeps for the given database.

    `database`: a pool, a configuration, a URL, or None for the environment. Rows are tuples by default, as PEP 249 has
    them. `close()` gives the connection back; so does leaving a `with` statement, which commits first.
    """
    pool = database if isinstance(database, PooledDatabase) else _pool_for(database)
    connection = StandaloneConnection(pool, None, autocommit, row_factory)
    if pool._check is None:
        connection._lease()
    else:
        lease_checked(connection)
    return connection


def _pool_for(database: str | Config | None) -> PooledDatabase:
    if isinstance(database, str):
        config = Config.from_url(database)
    else:
        config = Config.from_env() if database is None else database
    with _lock:
        pool = _shared.get(config.dsn)
        if pool is None:
            pool = _shared[config.dsn] = PooledDatabase(config, min_size=0)
        return pool
