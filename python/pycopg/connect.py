"""PEP 249's `connect`, for tools that open their own connections: each is a lease from a shared pool."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ._native_types import Raised, RaisedType, Traceback
from ._next_transaction import NextTransaction
from ._pool_leases import lease
from .config import Config
from .connection import Connection
from .pool import PooledDatabase

if TYPE_CHECKING:
    from ._native import TransactionOptions
    from ._transaction_options import Isolation

Self = TypeVar("Self", bound="StandaloneConnection")

_autocommit: Any = Connection.autocommit
_lock = threading.Lock()
_shared: dict[str, PooledDatabase] = {}


class StandaloneConnection(Connection):
    """A connection that is leased already. `close` gives it back, which rolls back what was not committed.

    `isolation`, `readonly` and `deferrable` are those of its next transactions, as of `Connection.transaction`: they
    cost no round trip. ProgrammingError if they, or `autocommit`, are set inside a transaction.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._next = NextTransaction()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        if self._next.number is not None and not self.closed:
            try:
                self._next.end(self, error is None)
            finally:
                self._give_back()
        else:
            super().__exit__(error_type, error, traceback)

    @property
    def isolation(self) -> Isolation | None:
        return self._next.isolation

    @isolation.setter
    def isolation(self, value: Isolation | None) -> None:
        self._next.change(self, isolation=value)

    @property
    def readonly(self) -> bool:
        return self._next.readonly

    @readonly.setter
    def readonly(self, value: bool) -> None:
        self._next.change(self, readonly=value)

    @property
    def deferrable(self) -> bool:
        return self._next.deferrable

    @deferrable.setter
    def deferrable(self, value: bool) -> None:
        self._next.change(self, deferrable=value)

    @property
    def autocommit(self) -> bool:
        return bool(_autocommit.__get__(self))

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if value != self.autocommit:
            self._next.drop(self)
            _autocommit.__set__(self, value)
            self._next.begin(self)

    def commit(self) -> None:
        """One round trip; none without an open transaction."""
        if self._next.number is None:
            super().commit()
        else:
            self._next.end_and_begin(self, True)

    def rollback(self) -> None:
        """One round trip; none without an open transaction."""
        if self._next.number is None:
            super().rollback()
        else:
            self._next.end_and_begin(self, False)

    def close(self) -> None:
        """Gives the connection back, which rolls back what was not committed."""
        self._next.number = None
        self._give_back()

    def _begin_with(self, options: TransactionOptions) -> int:
        return self._begin(options, None)

    def _end_number(self, number: int, commit: bool) -> None:
        self._end(number, commit)


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
    lease(connection)
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
