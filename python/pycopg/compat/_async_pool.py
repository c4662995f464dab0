"""psycopg_pool's pools for asyncio."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from .._native_types import Raised, RaisedType, Traceback
from ..async_pool import AsyncPooledDatabase
from ..errors import PoolTimeout
from ._async_connection import AsyncConnection
from ._async_lent import LentConnection
from ._base import BasePool
from ._connection import Connection
from ._errors import speaking, speaks_psycopg
from ._pool import Conninfo, Keywords

C = TypeVar("C", bound=AsyncConnection)
Self = TypeVar("Self", bound="AsyncConnectionPool[Any]")


@speaks_psycopg("open", "check", "drain", "resize")
class AsyncConnectionPool(BasePool, Generic[C]):
    """psycopg_pool.AsyncConnectionPool, over an AsyncPooledDatabase: see ConnectionPool.

    It belongs to no event loop. `configure` and `reset` are run by an event loop of their own, on a thread of theirs.
    """

    _connection_kind: Any = AsyncConnection
    _theirs = "AsyncConnection"

    def __init__(
        self,
        conninfo: Conninfo = "",
        *,
        connection_class: Any = None,
        kwargs: Keywords = None,
        min_size: int = 4,
        max_size: int | None = None,
        open: bool | None = None,  # noqa: A002  (psycopg_pool has the name)
        configure: Callable[[C], Awaitable[object]] | None = None,
        check: Callable[[C], Awaitable[object]] | None = None,
        reset: Callable[[C], Awaitable[object]] | None = None,
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
        super().__init__(AsyncPooledDatabase, dict(locals()))
        self._db._lent = Connection
        if open is not False:
            self._open_now()

    def _open_now(self) -> None:
        self._refuse_reuse()
        self._db._open()
        self._is_open = True

    async def __aenter__(self: Self) -> Self:
        self._open_now()
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        await self.close()

    async def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        """Opens the pool, if it is not open. PoolClosed after `close`."""
        self._open_now()
        if wait:
            await self.wait(timeout)

    async def close(self, timeout: float = 5.0) -> None:
        """Closes the pool. Leased connections are waited for, and then cut off. Nothing after that."""
        if self._is_open:
            self._is_open, self._has_closed = False, True
            await self._db.close(timeout)

    async def wait(self, timeout: float = 30.0) -> None:
        """Waits until `min_size` connections are open. PoolTimeout, and the pool is closed, if that takes longer."""
        self._check_open()
        with speaking():
            try:
                await self._db.wait(timeout)
            except PoolTimeout:
                await self.close()
                raise

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncIterator[C]:
        """Leases a connection for the block, whose end commits, or rolls back after an exception."""
        connection = await self.getconn(timeout)
        try:
            async with connection:
                yield connection
        finally:
            if connection._pool is self:
                self._returned(connection)

    async def getconn(self, timeout: float | None = None) -> C:
        """Leases a connection, which `putconn` gives back."""
        connection = self._made(timeout)
        await connection._take(self)
        leased: C = connection
        return leased

    async def putconn(self, conn: C) -> None:
        """Gives a connection back, which rolls back what was not committed. ValueError for one of another pool."""
        self._returned(conn)

    async def resize(self, min_size: int, max_size: int | None = None) -> None:
        await self._db.resize(*self._sizes(min_size, max_size))

    async def check(self) -> None:
        """Replaces idle connections that have died."""
        await self._db.check()

    async def drain(self) -> None:
        """Replaces all connections, leased ones as they come back."""
        await self._db.drain()

    @staticmethod
    async def check_connection(conn: Any) -> None:
        """Raises OperationalError if the connection is lost: an empty statement is sent, one round trip."""
        before = conn.autocommit
        await conn.set_autocommit(True)
        await conn.execute("")
        await conn.set_autocommit(before)

    def _call(self, function: Callable[[Any], Any], connection: Connection) -> None:
        async def call() -> None:
            answer = function(LentConnection(connection))
            if not inspect.isawaitable(answer):
                raise TypeError(f"{function!r}: it must be a coroutine function; it gave {answer!r}")
            await answer

        asyncio.run(call())


class AsyncNullConnectionPool(AsyncConnectionPool[C]):
    """psycopg_pool.AsyncNullConnectionPool: each connection is closed when it comes back. `max_size` limits them."""

    _is_null = True

    def __init__(self, conninfo: Conninfo = "", *, min_size: int = 0, **options: Any) -> None:
        super().__init__(conninfo, min_size=min_size, **options)

    async def wait(self, timeout: float = 30.0) -> None:
        """Opens a connection, to see whether it can. PoolTimeout, and the pool is closed, if that takes longer."""
        try:
            async with self.connection(timeout):
                pass
        except PoolTimeout:
            await self.close()
            raise

    async def check(self) -> None:
        """Nothing: no connection is kept."""
