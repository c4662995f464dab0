"""The pool for asyncio."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from . import _native
from ._checking import Refusals
from ._copying import LEASE, uncopied
from ._exit import close_at_exit
from ._loop import Done
from ._native_types import Params, Row
from ._pool_base import PoolBase
from ._streaming import Stream, is_async_only
from .async_connection import AsyncConnection, AsyncTransaction
from .config import Config
from .connection import Connection
from .cursor import begun
from .errors import PoolTimeout

if TYPE_CHECKING:
    from ._pool_base import Prepare, Reset

Self = TypeVar("Self", bound="AsyncPooledDatabase")


class AsyncPooledDatabase(PoolBase, _native.LoopPool):
    """A pool of connections to one database, to be used by any number of tasks, in any number of event loops.

    It belongs to no event loop: it may be made at import time, and opened before its first use. Every call has one
    deadline, `timeout` seconds after it began. Requests are served in the order of their arrival.
    """

    def __init__(
        self,
        config: Config,
        min_size: int = 2,
        max_size: int | None = 10,
        max_idle: float = 300.0,
        max_lifetime: float = 3600.0,
        timeout: float = 30.0,
        num_workers: int = 3,
        reconnect_timeout: float = 300.0,
        reconnect_failed: Callable[[Any], object] | None = None,
        check: Callable[[AsyncConnection], Any] | None = None,
        *,
        name: str = "",
        max_waiting: int = 0,
        connect_timeout: float = 10.0,
        min_idle: int = 0,
        configure: Callable[[Connection], object] | None = None,
        reset: Reset = "tracked",
        prepare: Prepare = "auto",
        share: bool = True,
        leak_after: float | None = None,
        credentials: Callable[[], Any] | None = None,
        autocommit: bool = False,
        row_factory: type = dict,
    ) -> None:
        arguments = locals()
        if check is not None and not callable(check):
            raise TypeError(f"check = {check!r}: it must be a coroutine function")
        self._check = check
        super().__init__(*self._keep(arguments), row_factory is dict)
        close_at_exit(self)

    async def open(self) -> None:
        """Opens the pool and waits until `min_size` connections are there; PoolTimeout after `timeout` seconds.

        Harmless when it is open. What cannot work (a wrong password) is raised at once, as ConfigurationError.
        PoolClosed after close.
        """
        self._open()
        await self._wait(self._timeout)

    async def execute(self, sql: str, params: Params | None = None) -> list[Row]:
        """Executes one statement on any connection, in a transaction of its own: one round trip.

        The rows; [] when the statement returns none. Without parameters several statements are allowed, in one
        transaction; the rows are those of the first that returns any.
        """
        if self._check is not None:
            checked = await self._checked_rows(sql, params)
            return checked.fetch(0, len(checked), self._row_factory is dict)
        rows: list[Row] = await self._execute(sql, params)
        return rows

    async def fetch_one(self, sql: str, params: Params | None = None) -> Row | None:
        """The first row, or None: also if the statement returns no rows by its nature."""
        if self._check is not None:
            checked = await self._checked_rows(sql, params)
            return next(iter(checked.fetch(0, min(len(checked), 1), self._row_factory is dict)), None)
        return await self._fetch_one(sql, params)

    async def fetch_val(self, sql: str, params: Params | None = None) -> Any:
        """The first column of the first row, or None. ProgrammingError for rows without columns."""
        if self._check is not None:
            return (await self._checked_rows(sql, params)).value()
        return await self._fetch_val(sql, params)

    async def execute_many(self, sql: str, params_seq: Iterable[Params] | AsyncIterable[Params]) -> int:
        """Executes the statement for each row of parameters: one transaction, all or nothing; rows affected in all.

        An error names the row and undoes everything. An asynchronous iterable is read bit by bit, by this task; the
        deadline, which counts its waiting, does not interrupt it.
        """
        if is_async_only(params_seq):
            stream = Stream(sql, params_seq)
            if not await stream.fill():
                return 0
            async with self.connection() as connection:
                return await connection._send(stream)
        if self._check is not None:
            rows = begun(params_seq)
            if rows is None:
                return 0
            async with self.connection() as connection:
                return await connection.execute_many(sql, rows)
        call = self._execute_many(sql, params_seq)
        count: int = 0 if call is None else await call
        return count

    def connection(self, timeout: float | None = None) -> AsyncConnection:
        """A connection as a context manager: leased when entered, given back when left.

        `timeout`: seconds to wait for it; the pool's if not given.
        """
        limit = self._timeout if timeout is None else timeout
        if not limit >= 0:
            raise ValueError(f"timeout = {limit}: it must be at least 0 s")
        kind = AsyncConnection if self._check is None else CheckedAsyncConnection
        return kind(self, limit, self._autocommit, self._row_factory, self._timeout)

    def transaction(self, timeout: float | None = None) -> AsyncPoolTransaction:
        """A connection in a transaction as a context manager: committed when left normally, else rolled back."""
        return AsyncPoolTransaction(self.connection(timeout))

    def resize(self, min_size: int, max_size: int | None = None) -> Done:
        """New bounds, also while connections are leased. Takes effect when called, awaited or not."""
        self._resize(min_size, max_size)
        return Done()

    async def check(self) -> None:
        """Tests all idle connections and replaces dead ones. Callers go on being served.

        While the server can't be reached, the next connect starts at once.
        """
        await self._check_idle()

    async def wait(self, timeout: float = 30.0) -> None:
        """Waits until `min_size` connections are open; PoolTimeout after `timeout` seconds leaves the pool open.

        What cannot work (a wrong password) is raised at once, as ConfigurationError.
        """
        await self._wait(timeout)

    def drain(self) -> Done:
        """Replaces every connection: idle ones now, leased ones as they come back. Takes effect when called."""
        self._drain()
        return Done()

    def suspend(self) -> Done:
        """Hands out no connection until `resume`: requests wait, up to their deadlines. Takes effect when called."""
        self._suspend()
        return Done()

    def resume(self) -> Done:
        self._resume()
        return Done()

    async def close(self, timeout: float = 5.0) -> None:
        """Waiting callers get PoolClosed at once; leases get `timeout` seconds, then are cut off. Idempotent."""
        call = self._close(timeout)
        if call is not None:
            await call  # what was cut off and is not back by then is closed when it is
            self._finish_close()

    async def __aenter__(self: Self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _checked_rows(self, sql: str, params: Params | None) -> _native.ResultRows:
        async with CheckedAsyncConnection(self, self._timeout, True, self._row_factory, self._timeout) as connection:
            cursor = await connection.execute(sql, params)
            assert cursor._rows is not None
            return cursor._rows


class CheckedAsyncConnection(AsyncConnection):
    """One of a pool with `check`: what that refuses is closed, and another one tried."""

    pool: AsyncPooledDatabase

    async def __aenter__(self) -> AsyncConnection:
        check = self.pool._check
        assert check is not None
        refusals = Refusals(self.pool, self._timeout)
        await self._native.lease(self._timeout)
        while True:
            try:
                answer = check(self)
                if not inspect.isawaitable(answer):
                    break
                await answer
                await self.rollback()
                return self
            except Exception as refusal:
                self._native.discard()
                time_left = refusals.time_left()
                if time_left is None:
                    raise refusals.told(refusal) from refusal
                self._native = self.pool._connection(self._native.autocommit)
                try:
                    await self._native.lease(time_left)
                except PoolTimeout as late:
                    raise late from refusal
            except BaseException:
                self._native.discard()
                raise
        # The connection is not to blame, nor would another one be.
        self._native.release()
        raise TypeError(f"check = {check!r}: it must be a coroutine function; it gave {answer!r}")


class AsyncPoolTransaction:
    """What `db.transaction()` returns. Entering gives the connection."""

    __reduce_ex__ = uncopied(LEASE)

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._transaction = AsyncTransaction(connection)

    async def __aenter__(self) -> AsyncConnection:
        await self._connection.__aenter__()
        try:
            await self._transaction.__aenter__()
        except BaseException:
            self._connection._native.release()
            raise
        return self._connection

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            # With an exception the connection is given back as it is: the rollback needs no round trip of ours.
            if error is None and not self._connection._native._given_back:
                await self._transaction.__aexit__(None, None, None)
        finally:
            self._connection._native.release()
