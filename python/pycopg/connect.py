"""PEP 249's `connect`, for tools that open their own connections: each is a lease from a shared pool."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ._native_types import Raised, RaisedType, Traceback, TransactionStatus
from ._pool_leases import lease_checked
from ._transaction_options import options_of
from .config import Config
from .connection import Connection
from .errors import ProgrammingError
from .pool import PooledDatabase

if TYPE_CHECKING:
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

    _isolation: Isolation | None = None
    _readonly = False
    _deferrable = False
    _number: int | None = None  # of the transaction with options that begins with the next statement, or has begun

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        if self._number is not None and not self.closed:
            try:
                self._end_one(error is None)
            finally:
                self._give_back()
        else:
            super().__exit__(error_type, error, traceback)

    @property
    def isolation(self) -> Isolation | None:
        return self._isolation

    @isolation.setter
    def isolation(self, value: Isolation | None) -> None:
        self._renew(_isolation=value)

    @property
    def readonly(self) -> bool:
        return self._readonly

    @readonly.setter
    def readonly(self, value: bool) -> None:
        self._renew(_readonly=value)

    @property
    def deferrable(self) -> bool:
        return self._deferrable

    @deferrable.setter
    def deferrable(self, value: bool) -> None:
        self._renew(_deferrable=value)

    @property
    def autocommit(self) -> bool:
        return bool(_autocommit.__get__(self))

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if value != self.autocommit:
            self._drop_unbegun()
            _autocommit.__set__(self, value)
            self._begin_next()

    def commit(self) -> None:
        """One round trip; none without an open transaction."""
        self._end_or(super().commit, True)

    def rollback(self) -> None:
        """One round trip; none without an open transaction."""
        self._end_or(super().rollback, False)

    def close(self) -> None:
        """Gives the connection back, which rolls back what was not committed."""
        self._number = None
        self._give_back()

    def _renew(self, **change: Any) -> None:
        self._drop_unbegun()
        before = {name: getattr(self, name) for name in change}
        self.__dict__.update(change)
        try:
            self._begin_next()
        except (TypeError, ValueError):
            self.__dict__.update(before)
            self._begin_next()
            raise

    def _drop_unbegun(self) -> None:
        if self._transaction_status is not TransactionStatus.IDLE:
            raise ProgrammingError("this can't be changed inside a transaction: commit or roll back first")
        if self._number is not None:
            self._end_one(False)  # sends nothing

    def _begin_next(self) -> None:
        """Sends nothing: BEGIN travels with the first statement."""
        options = options_of(self._isolation, self._readonly, self._deferrable, None, None, None)
        if options is not None and not self.autocommit:
            self._number = self._begin(options, None)

    def _end_one(self, commit: bool) -> None:
        number, self._number = self._number, None
        assert number is not None
        self._end(number, commit)

    def _end_or(self, otherwise: Callable[[], None], commit: bool) -> None:
        if self._number is None:
            return otherwise()
        try:
            self._end_one(commit)
        finally:
            if not self.closed:
                self._begin_next()


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
