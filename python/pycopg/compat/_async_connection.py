"""psycopg's connection and cursor, as a pool for asyncio gives them."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from .. import async_connection as plain
from .._async_pool_leases import CheckedAsyncConnection
from .._copy import AsyncCopy
from .._mixing import mixed
from .._native_types import Params, Raised, RaisedType, Traceback
from .._roll_back import RollBack
from ..async_transaction import AsyncTransaction
from ..errors import NotSupportedError
from ..server_cursor import AsyncServerCursor
from ..stream import AsyncRowStream
from ._connection import refuse_parameters, refuse_returning
from ._errors import speaking, speaks_psycopg
from ._manners import Info, Mannered, Manners, is_rollback
from ._values import row_kind, rows_of, text_of, values_of

Self = TypeVar("Self", bound="AsyncConnection")

if TYPE_CHECKING:
    from ..deadline import Deadline

    class Base(Mannered, CheckedAsyncConnection): ...
else:
    Base = mixed(Mannered, CheckedAsyncConnection)

logger = logging.getLogger("pycopg")


@speaks_psycopg("fetchone", "fetchmany", "fetchall")
class AsyncCursor(plain.AsyncCursor):
    """Executes statements on its connection, as psycopg.AsyncCursor. For one task at a time."""

    async def execute(
        self, sql: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> AsyncCursor:
        """`prepare` and `binary` do nothing: pycopg prepares statements by itself, and the rows are the same."""
        with speaking():
            await super().execute(text_of(sql), values_of(params))
        return self

    async def executemany(  # type: ignore[override]
        self, sql: Any, params_seq: Iterable[Params], *, returning: bool = False
    ) -> None:
        with speaking():
            refuse_returning(returning)
            await super().executemany(text_of(sql), rows_of(params_seq))

    @asynccontextmanager
    async def copy(self, statement: Any, params: Params | None = None) -> AsyncIterator[AsyncCopy]:
        with speaking():
            refuse_parameters(params)
            async with self.connection.copy(text_of(statement)) as copy:
                yield copy
        self._keep_count(copy.rowcount)

    async def stream(self, sql: Any, params: Params | None = None, *, size: int = 1) -> AsyncIterator[Any]:
        """Rows as they are asked for, read from the server in chunks of `size`, but of no fewer than 100."""
        rows: AsyncRowStream[Any]
        row: Any
        chunk, connection = max(size, 100), self.connection
        with speaking():
            async with AsyncRowStream(
                connection, text_of(sql), values_of(params), chunk, None, self.row_factory
            ) as rows:
                async for row in rows:
                    yield row


@speaks_psycopg("commit", "rollback", "set_autocommit", "set_isolation_level", "set_read_only", "set_deferrable")
class AsyncConnection(Base):
    """A leased connection, as psycopg.AsyncConnection: see Connection. Tasks that share it take turns."""

    cursor_class = AsyncCursor

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._given = Manners()
        self._pool: Any = None

    async def _take(self, pool: Any) -> None:
        """Leases the connection for the compatible pool, and begins as the pool's connections do."""
        self._given = pool._new_manners()
        with speaking():
            if self.pool._check is None:
                await self._lease()
            else:
                await CheckedAsyncConnection.__aenter__(self)
        self._pool = pool
        self.timeout: float = math.inf
        self._given = pool._new_manners()  # which the first connection may have changed, as it was configured
        self._set_autocommit(self._given.autocommit)

    def _leave(self, discard: bool = False) -> None:
        """Gives it back, which rolls back; or closes it."""
        self._pool = None
        if discard:
            self._discard()
        else:
            self._give_back()

    @property
    def info(self) -> Info:
        return Info(self)

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        """Commits, or rolls back after an exception. A connection that was closed stays so."""
        if self.closed:
            return
        if error is None:
            await self.commit()
            return
        if isinstance(error, GeneratorExit):  # nothing can be awaited; giving it back rolls back
            return
        try:
            await self.rollback()
        except Exception as failed:
            logger.warning("%r: rolling back failed, after %r: %s", self, error, failed)

    async def close(self) -> None:
        """Closes the connection; with `close_returns`, gives it back to its pool. Nothing after that."""
        pool = self._pool
        if pool is not None and pool.close_returns:
            await pool.putconn(self)
        elif not self._given_back:
            self._leave(discard=True)

    def cursor(  # type: ignore[override]
        self,
        name: str = "",
        *,
        binary: bool = False,
        row_factory: Any = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> AsyncCursor | AsyncServerCursor:
        """A cursor; with a `name`, one of the server."""
        kind = row_kind(self._given.row_factory if row_factory is None else row_factory)
        return AsyncServerCursor(self, name, scrollable, withhold, kind) if name else self.cursor_class(self, kind)

    async def execute(
        self,
        sql: Any,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool = False,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> AsyncCursor:
        """`row` and `timeout` are pycopg's, whose other verbs need them."""
        kind = row_kind(self._given.row_factory) if row is None else row
        cursor = self.cursor_class(self, kind)
        with speaking():
            await self._run(self._execute_on, cursor, text_of(sql), values_of(params), timeout=timeout)
        return cursor

    @asynccontextmanager
    async def transaction(  # type: ignore[override]
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncIterator[AsyncTransaction]:
        """A block that is a transaction, or a savepoint inside one. `raise psycopg.Rollback` ends it silently.

        `savepoint_name` does nothing: pycopg names savepoints itself.
        """
        block = AsyncTransaction(self)
        try:
            with suppress(RollBack), speaking():
                async with block:
                    yield block
                    if force_rollback:
                        raise RollBack
        except Exception as error:
            if not is_rollback(error, block):
                raise

    async def set_isolation_level(self, value: Any) -> None:
        refuse_for_next_transactions("set_isolation_level", value)

    async def set_read_only(self, value: bool | None) -> None:
        refuse_for_next_transactions("set_read_only", value)

    async def set_deferrable(self, value: bool | None) -> None:
        refuse_for_next_transactions("set_deferrable", value)


def refuse_for_next_transactions(method: str, value: Any) -> None:
    if value:
        raise NotSupportedError(f"{method} of an AsyncConnection: execute SET TRANSACTION first in the transaction")
