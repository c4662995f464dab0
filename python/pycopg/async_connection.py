"""A connection leased from an AsyncPooledDatabase, its cursors and transactions."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from types import TracebackType
from typing import Any

from . import _native
from ._copying import LEASE, uncopied
from ._info import ConnectionInfo, state_of, tell_left_open, tell_rollback_failed
from ._native_types import Params, Row, TransactionStatus
from ._streaming import Stream, is_async_only
from ._turns import Turns
from .cursor import BaseCursor, check_row_factory
from .errors import Error, ProgrammingError


class AsyncConnection:
    """What `db.connection()` returns: it leases a connection when entered and gives it back when left.

    The first statement begins a transaction. Leaving normally commits it, an exception rolls it back. Any use after the
    block raises InterfaceError. Tasks that share a connection take turns; the deadline of a call counts that wait.
    """

    __reduce_ex__ = uncopied(LEASE)

    def __init__(
        self, pool: _native.LoopPool, timeout: float, autocommit: bool, row_factory: type, turn_limit_s: float
    ) -> None:
        """`turn_limit_s`: how long a task may wait for its turn."""
        self.pool = pool
        self.row_factory = row_factory
        self._timeout = timeout
        self._turn_limit_s = turn_limit_s
        self._native = pool._connection(autocommit)
        self._turns = Turns()

    async def __aenter__(self) -> AsyncConnection:
        await self._native.lease(self._timeout)
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        left_open = None
        try:
            if error is None and not self._native._given_back:
                left_open = self._native.left_open()
                # In autocommit mode an abandoned statement, or a lost connection, leaves nothing to commit.
                if left_open is None and not (self._native.autocommit and self._gave_up()):
                    await self._run(self._native.end_transaction, True)
        finally:
            self._native.release()
        if left_open is not None:
            tell_left_open(self, left_open)

    def _gave_up(self) -> bool:
        try:
            return self.info.transaction_status in (TransactionStatus.ACTIVE, TransactionStatus.UNKNOWN)
        except Error:  # another task is in a call on the connection
            return False

    def __del__(self) -> None:
        if not getattr(self, "_native", None) or self._native._given_back:
            return
        words = f"a connection was never given back to pool {self.pool._name!r}"
        warnings.warn(words, ResourceWarning, stacklevel=1)
        self._native.release()

    def cursor(self, row_factory: type | None = None) -> AsyncCursor:
        return AsyncCursor(self, self.row_factory if row_factory is None else check_row_factory(row_factory))

    async def execute(self, sql: str, params: Params | None = None) -> AsyncCursor:
        """Executes a statement on a new cursor, and returns that cursor."""
        return await AsyncCursor(self, self.row_factory).execute(sql, params)

    async def execute_many(self, sql: str, params_seq: Iterable[Params] | AsyncIterable[Params]) -> int:
        """Executes the statement for each row of parameters, as part of the transaction. Returns the rows affected.

        This task reads an asynchronous iterable in batches; meanwhile no other call runs on the connection.
        """
        if is_async_only(params_seq):
            return await self._send(Stream(sql, params_seq))
        count: int | None = await self._run(self._native.execute_many, sql, params_seq)
        return count or 0

    async def commit(self) -> None:
        """One round trip; none without an open transaction."""
        await self._run(self._native.end_transaction, True)

    async def rollback(self) -> None:
        """One round trip; none without an open transaction."""
        await self._run(self._native.end_transaction, False)

    def transaction(self) -> AsyncTransaction:
        """A context manager for a transaction, or for a savepoint if a transaction is open already."""
        return AsyncTransaction(self)

    async def close(self) -> None:
        """Closes the connection, unless it was given back. The pool opens another."""
        self._native.discard()

    @property
    def closed(self) -> bool:
        """True before the connection is leased, after it was given back, and once a call has found it lost."""
        return self._native.closed

    @property
    def autocommit(self) -> bool:
        """Whether each statement is its own transaction. `set_autocommit` changes it, but not inside a transaction."""
        return self._native.autocommit

    async def set_autocommit(self, on: bool) -> None:
        self._native.autocommit = on

    @property
    def info(self) -> ConnectionInfo:
        return ConnectionInfo(self._native)

    def __repr__(self) -> str:
        return f"<pycopg.AsyncConnection {state_of(self._native)}>"

    async def _run(self, make_call: Any, *args: Any) -> Any:
        """Waits for this task's turn, then drives the call that `make_call` returns; None if it returns none."""
        waited_s = await self._turns.take(self._turn_limit_s)
        try:
            call = make_call(*args)
            if call is None:
                return None
            if waited_s:
                call.waited_s = waited_s
            return await call
        finally:
            self._turns.give()

    async def _send(self, stream: Stream) -> int:
        return await stream.send_on(self._native, self._turns, self._turn_limit_s)


class AsyncTransaction:
    """Commits when left normally, rolls back when left with an exception."""

    __reduce_ex__ = uncopied(LEASE)

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self._number = 0

    async def __aenter__(self) -> AsyncTransaction:
        native = self.connection._native
        await self.connection._run(native.begin)
        self._number = native.began()
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        native = self.connection._native
        if error is None:
            left_open = native.left_open_inside(self._number)
            await self.connection._run(native.end, self._number, left_open is None)
            if left_open is not None:
                raise ProgrammingError(left_open)
            return
        if native._given_back:  # which rolls back
            return
        try:
            await self.connection._run(native.end, self._number, False)
        except Exception as failed:
            if native._given_back:  # by another task, while this one waited for its turn
                return
            tell_rollback_failed(self.connection, error, failed)


class AsyncCursor(BaseCursor):
    """Executes statements on its connection. For one task at a time."""

    connection: AsyncConnection

    def __init__(self, connection: AsyncConnection, row_factory: type) -> None:
        super().__init__(row_factory)
        self.connection = connection

    async def execute(self, sql: str, params: Params | None = None) -> AsyncCursor:
        """Executes one statement, or, without parameters, several. Returns this cursor."""
        self._forget()
        self._keep(await self.connection._run(self.connection._native.execute, sql, params))
        return self

    async def executemany(self, sql: str, params_seq: Iterable[Params] | AsyncIterable[Params]) -> None:
        """Executes the statement for each row of parameters, in one pipeline. Rows that it returns are dropped."""
        self._forget()
        self._row_count = await self.connection.execute_many(sql, params_seq)

    async def fetchone(self) -> Row | None:
        """Returns the next row, or None after the last."""
        rows = self._fetch(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> list[Row]:
        """Returns the next `size` rows (`arraysize` if not given), or fewer if fewer are left."""
        return self._fetch(self.arraysize if size is None else size)

    async def fetchall(self) -> list[Row]:
        """Returns all rows that have not been fetched."""
        return self._fetch(None)

    async def __aiter__(self) -> AsyncIterator[Row]:
        while rows := self._fetch(1):
            yield rows[0]

    async def close(self) -> None:
        """Forgets the rows. The connection is not touched."""
        self._close()

    async def __aenter__(self) -> AsyncCursor:
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()
