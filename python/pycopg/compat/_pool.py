"""psycopg_pool's pools for threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, Union

from .._native_types import Raised, RaisedType, Traceback
from ..errors import PoolTimeout
from ..pool import PooledDatabase
from ._base import BasePool
from ._connection import Connection
from ._errors import speaking, speaks_psycopg

C = TypeVar("C", bound=Connection)
Self = TypeVar("Self", bound="ConnectionPool[Any]")
Conninfo = Union[str, Callable[[], str]]
Keywords = Union[Mapping[str, Any], Callable[[], Mapping[str, Any]], None]


@speaks_psycopg("check", "drain", "resize")
class ConnectionPool(BasePool, Generic[C]):
    """psycopg_pool.ConnectionPool, over a PooledDatabase.

    `open=None` opens the pool, as `True` does. `check` is not needed: the pool of copg looks at each connection before
    its first statement; `check=ConnectionPool.check_connection` costs a round trip. The rest is as in psycopg_pool.
    """

    _connection_kind: Any = Connection
    _theirs = "Connection"

    def __init__(
        self,
        conninfo: Conninfo = "",
        *,
        connection_class: Any = None,
        kwargs: Keywords = None,
        min_size: int = 4,
        max_size: int | None = None,
        open: bool | None = None,  # noqa: A002  (psycopg_pool has the name)
        configure: Callable[[C], object] | None = None,
        check: Callable[[C], object] | None = None,
        reset: Callable[[C], object] | None = None,
        name: str | None = None,
        close_returns: bool = False,
        timeout: float = 30.0,
        max_waiting: int = 0,
        max_lifetime: float = 3600.0,
        max_idle: float = 600.0,
        reconnect_timeout: float = 300.0,
        reconnect_failed: Callable[[Any], object] | None = None,
        num_workers: int = 3,
    ) -> None:
        super().__init__(_closed_database, dict(locals()))
        self._db._lent = self.connection_class
        if open is not False:
            self.open()

    def __enter__(self: Self) -> Self:
        self.open()
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self.close()

    @speaking()
    def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        """Opens the pool, if it is not open. PoolClosed after `close`."""
        self._refuse_reuse()
        self._db.open()
        self._is_open = True
        if wait:
            self.wait(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Closes the pool. Leased connections are waited for, and then cut off. Nothing after that."""
        if self._is_open:
            self._is_open, self._has_closed = False, True
            self._db.close(timeout)

    @speaking()
    def wait(self, timeout: float = 30.0) -> None:
        """Waits until `min_size` connections are open. PoolTimeout, and the pool is closed, if that takes longer."""
        self._check_open()
        try:
            self._db.wait(timeout)
        except PoolTimeout:
            self.close()
            raise

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[C]:
        """Leases a connection for the block, whose end commits, or rolls back after an exception."""
        connection = self.getconn(timeout)
        try:
            with connection:
                yield connection
        finally:
            if connection._pool is self:
                self.putconn(connection)

    def getconn(self, timeout: float | None = None) -> C:
        """Leases a connection, which `putconn` gives back."""
        connection = self._made(timeout)
        connection._take(self)
        leased: C = connection
        return leased

    def putconn(self, conn: C) -> None:
        """Gives a connection back, which rolls back what was not committed. ValueError for one of another pool."""
        self._returned(conn)

    def resize(self, min_size: int, max_size: int | None = None) -> None:
        self._db.resize(*self._sizes(min_size, max_size))

    def check(self) -> None:
        """Replaces idle connections that have died."""
        self._db.check()

    def drain(self) -> None:
        """Replaces all connections, leased ones as they come back."""
        self._db.drain()

    @staticmethod
    def check_connection(conn: Any) -> None:
        """Raises OperationalError if the connection is lost: an empty statement is sent, one round trip."""
        before = conn.autocommit
        conn.autocommit = True
        conn.execute("")
        conn.autocommit = before


class NullConnectionPool(ConnectionPool[C]):
    """psycopg_pool.NullConnectionPool: each connection is closed when it comes back. `max_size` limits them."""

    _is_null = True

    def __init__(self, conninfo: Conninfo = "", *, min_size: int = 0, **options: Any) -> None:
        super().__init__(conninfo, min_size=min_size, **options)

    def wait(self, timeout: float = 30.0) -> None:
        """Opens a connection, to see whether it can. PoolTimeout, and the pool is closed, if that takes longer."""
        try:
            with self.connection(timeout):
                pass
        except PoolTimeout:
            self.close()
            raise

    def check(self) -> None:
        """Nothing: no connection is kept."""


def _closed_database(**options: Any) -> PooledDatabase:
    return PooledDatabase(open=False, **options)
