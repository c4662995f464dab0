"""A connection leased from an AsyncPooledDatabase, its cursors and transactions."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _native
from ._async_types import AsyncTyped
from ._copy import (
    AsyncCopy,
    Format,
    SupportsRead,
    SupportsWrite,
    copy_in_async,
    copy_out_async,
    out_text,
)
from ._info import Leased, tell_left_open
from ._mixing import mixed
from ._native_types import Params, Raised, RaisedType, Row, Traceback, TransactionStatus, TypesUnknown
from ._pipeline import AsyncPipelines
from ._shortcut import shortcut
from ._streaming import Stream, is_async_only, nothing
from ._transaction_options import options_of
from ._turns import Turns
from ._types import lost_type
from .async_transaction import AsyncTransaction
from .cursor import BaseCursor
from .deadline import Deadline, as_deadline
from .errors import DatabaseError
from .listener import NOTIFY
from .server_cursor import AsyncServerCursor, require_name
from .stream import AsyncRowStream

T = TypeVar("T")

if TYPE_CHECKING:
    from ._transaction_options import Isolation, Settings
    from .sql import Query

    class Base(Leased, AsyncPipelines, AsyncTyped, _native.LoopConnection): ...
else:
    Base = mixed(Leased, mixed(AsyncPipelines, mixed(AsyncTyped, _native.LoopConnection)))


class AsyncConnection(Base):
    """What `db.connection()` returns: it leases a connection when entered and gives it back when left.

    The first statement begins a transaction. Leaving normally commits it, an exception rolls it back. Any use after the
    block raises InterfaceError. Tasks that share a connection take turns; the deadline of a call counts that wait.
    """

    def __init__(
        self,
        pool: _native.LoopPool,
        timeout: float | Deadline | None,
        autocommit: bool,
        row_factory: Callable[..., Any],
    ) -> None:
        super().__init__(pool, timeout, autocommit, row_factory)
        self._turns = Turns()

    async def __aenter__(self) -> AsyncConnection:
        await self._lease()
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        left_open = None
        try:
            if error is None and self._to_be_committed():
                left_open = self._left_open()
                if left_open is None:
                    await self._run(self._end_transaction, True)
        finally:
            self._give_back()
        if left_open is not None:
            tell_left_open(self, left_open)

    async def _try_leasing(self) -> bool:
        return self._try_lease()

    @overload
    def cursor(self, name: None = None, *, row_factory: Callable[..., Any] | None = None) -> AsyncCursor: ...
    @overload
    def cursor(
        self,
        name: str,
        *,
        row_factory: Callable[..., Any] | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> AsyncServerCursor: ...
    def cursor(
        self,
        name: str | None = None,
        *,
        row_factory: Callable[..., Any] | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> AsyncCursor | AsyncServerCursor:
        """Makes a cursor on this connection; with a `name`, one of the server (DECLARE CURSOR), in a transaction.

        `row_factory`: what a row becomes (pycopg.rows). Of a cursor with a name: `scrollable`: whether it can go back;
        None: if the query makes that cheap. `withhold`: it stays when the transaction is committed.
        """
        kind = self.row_factory if row_factory is None else row_factory
        if name is not None:
            return AsyncServerCursor(self, name, scrollable, withhold, kind)
        require_name(scrollable, withhold)
        return AsyncCursor(self, kind)

    async def execute(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> AsyncCursor:
        """Executes a statement on a new cursor, and returns that cursor.

        `row`: what a row becomes (pycopg.rows), in place of the connection's `row_factory`. `timeout`: of this call, in
        seconds, in place of the connection's `timeout`.
        """
        turns = self._turns
        cursor: AsyncCursor
        if turns._taken:
            cursor = await self._run(self._execute, sql, params, row, timeout=timeout)
            return cursor
        turns._taken = True
        try:  # as _run does, without another coroutine
            cursor = await self._execute(sql, params, row, timeout)
            return cursor
        except (TypesUnknown, DatabaseError) as error:
            if self._is_final(error):
                raise
            cursor = await self._with_types(error, self._execute, sql, params, row, timeout)
            return cursor
        finally:
            if turns._waiting:
                turns.give()
            else:
                turns._taken = False

    @overload
    async def fetch_all(
        self, sql: Query, params: Params | None = None, *, row: None = None, timeout: float | Deadline | None = None
    ) -> list[Row]: ...
    @overload
    async def fetch_all(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> list[dict[str, Any]]: ...
    @overload
    async def fetch_all(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> list[T]: ...
    async def fetch_all(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> list[Any]:
        """Executes a statement. Returns all rows, or [] if it returns none. `row`, `timeout`: as of `execute`."""
        return (await self.execute(sql, params, row=row, timeout=timeout))._all_rows()

    @overload
    async def fetch_one(
        self, sql: Query, params: Params | None = None, *, row: None = None, timeout: float | Deadline | None = None
    ) -> Row | None: ...
    @overload
    async def fetch_one(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> dict[str, Any] | None: ...
    @overload
    async def fetch_one(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> T | None: ...
    async def fetch_one(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> Any:
        """Executes a statement. Returns the first row, or None if there is none. `row`, `timeout`: as of `execute`.

        ProgrammingError, which names them, if columns and fields do not fit.
        """
        return (await self.execute(sql, params, row=row, timeout=timeout))._first_row()

    async def fetch_val(
        self, sql: Query, params: Params | None = None, *, timeout: float | Deadline | None = None
    ) -> Any:
        """Executes a statement. Returns the first column of the first row, or None.

        ProgrammingError for a row without columns. `timeout`: as of `execute`.
        """
        return (await self.execute(sql, params, timeout=timeout))._first_value()

    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: None = None,
        timeout: float | Deadline | None = None,
    ) -> AsyncRowStream[Row]: ...
    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> AsyncRowStream[dict[str, Any]]: ...
    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> AsyncRowStream[T]: ...
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> AsyncRowStream[Any]:
        """The rows of a statement, read in chunks of `size` as they are asked for:
        `async for row in conn.stream(sql)`.

        Memory is bounded by a chunk, whatever the size of the result. `size`: 1 to 1,000,000; outside a transaction a
        chunk also ends with the row that makes it 1 MiB large (with libpq 17 and later, with the up to 32 rows that
        came along). `timeout`: of each wait for a chunk, in seconds, in place of the connection's; a Deadline is that
        of the whole. See RowStream. Inside a transaction the rows of a statement that is no query (INSERT ...
        RETURNING, SHOW) come as one chunk. `row`: as of `execute`.
        """
        return AsyncRowStream(self, sql, params, size, timeout, row)

    async def notify(self, channel: str, payload: str = "", *, timeout: float | Deadline | None = None) -> None:
        """Sends a notification to those who listen to the channel, when the transaction is committed.

        The server refuses a payload of 8,000 bytes and more, and a channel's name that is empty or longer than 63
        bytes.
        """
        await self.execute(NOTIFY, [channel, payload], timeout=timeout)

    def copy(self, sql: Query, *, timeout: float | Deadline | None = None) -> AsyncCopy:
        """A context manager for COPY ... FROM STDIN or TO STDOUT: `await copy.write_row(row)`, `async for x in copy`.

        `timeout`: of the whole block, in seconds; None: each call in it has the connection's `timeout`.
        """
        return AsyncCopy(self, sql, timeout)

    async def copy_in(
        self,
        table: str,
        rows: Iterable[Any] | AsyncIterable[Any] | SupportsRead,
        *,
        columns: Sequence[str] | None = None,
        format: Format | None = None,  # noqa: A002  (COPY has the name)
        header: bool = False,
        timeout: float | Deadline | None = None,
    ) -> int:
        """Copies rows, or data in COPY's own format, into a table: the fastest way in. Returns the number of rows.

        `table`: its name, `app.jobs` with a schema, quoted as it stands; a name with special characters is given in
        double quotes, as in SQL. Or a whole COPY ... FROM STDIN. `rows`: an iterable of sequences, or of dicts if
        `columns` are given, or an asynchronous iterable of either; a file, or an iterable of bytes or str, in the
        `format` "text" (of a file: if none is given), "csv" (`header`: its first line is one) or "binary".

        The rows are part of an open transaction, which an error fails. An error of the server says which line and
        column it means (`error.diag.context`). A file is read in a thread. `timeout`: of the whole call.
        """
        deadline = as_deadline(self.timeout if timeout is None else timeout)
        return await copy_in_async(self, table, rows, columns, format, header, deadline)

    async def copy_out(
        self,
        query_or_table: str,
        file: SupportsWrite,
        *,
        format: Format | None = None,  # noqa: A002
        header: bool = False,
        timeout: float | Deadline | None = None,
    ) -> int:
        """Copies a table, the rows of a query, or what a COPY ... TO STDOUT sends, to a file. Returns their number.

        `query_or_table`: a text with white space is SQL, any other the name of a table. `file`: has `write`; a text
        file gets str. It is written in a thread. `format`: as of `copy_in`. `timeout`: of the whole call.
        """
        text = out_text(query_or_table, format, header)
        return await copy_out_async(AsyncCopy(self, text, self.timeout if timeout is None else timeout), file)

    async def commit(self) -> None:
        """One round trip; none without an open transaction."""
        await self._run(self._end_transaction, True)

    async def rollback(self) -> None:
        """One round trip; none without an open transaction."""
        await self._run(self._end_transaction, False)

    def transaction(
        self,
        *,
        timeout: float | Deadline | None = None,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        settings: Settings | None = None,
        role: str | None = None,
        resolve_commit: bool | None = None,
    ) -> AsyncTransaction:
        """A context manager for a transaction, or for a savepoint if a transaction is open already.

        `timeout`: of the whole block, in seconds: each call in it ends by it, and so does the COMMIT. If no time is
        left to end the transaction, the connection is given back, which rolls back.

        The options cost no further round trip. Settings (as by SET LOCAL) and the role (as by SET LOCAL ROLE) end with
        the block. InterfaceError if a savepoint is given `isolation`, `deferrable` or `resolve_commit`.
        """
        return AsyncTransaction(
            self, options_of(isolation, readonly, deferrable, settings, role, resolve_commit), timeout
        )

    async def close(self) -> None:
        """Closes the connection, unless it was given back. The pool opens another."""
        self._discard()

    async def detach(self) -> DetachedAsyncConnection:
        """Takes the connection out of the pool, which may open another in its place, and returns it.

        It belongs to the program from then on: no limit of the pool counts it, `close` of the pool does not end it, and
        if it dies it is not replaced. It has the verbs, the session and the open transaction of the lease. Its own
        `with` block, `close`, or the end of the object closes it. This connection can't be used any more. Sends
        nothing. ProgrammingError inside a transaction() block; InterfaceError while a statement has not ended.
        """
        own = DetachedAsyncConnection(self.pool, None, self.autocommit, self.row_factory)
        await self._run(self._detach_now, own)
        return own

    def _detach_now(self, own: DetachedAsyncConnection, timeout: object) -> None:
        self._detach_to(own)

    async def set_autocommit(self, on: bool) -> None:
        """Makes each statement a transaction of its own, or no longer. ProgrammingError inside a transaction."""
        self._set_autocommit(on)

    async def _run(self, make_call: Any, *args: Any, timeout: float | _native.Deadline | None = None) -> Any:
        """Waits for this task's turn, then drives the call that `make_call` returns; None if it returns none.

        `timeout` is the call's last argument; it also ends the wait.
        """
        turns = self._turns
        waited_s = 0.0
        if turns._taken:
            timeout = self._deadline(timeout)
            waited_s = await turns.take(timeout._left())
        turns._taken = True
        try:
            call = make_call(*args, timeout)
            if call is None:
                return None
            if waited_s:
                call.waited_s = waited_s
            return await call
        except TypesUnknown as unknown:
            return await self._with_types(unknown, make_call, *args, timeout)
        finally:
            if turns._waiting:
                turns.give()
            else:
                turns._taken = False

    def _is_final(self, error: Exception) -> bool:
        """Whether it is not about types that were not known, or are gone, or the statement can't be repeated."""
        if isinstance(error, TypesUnknown):
            return False
        if not lost_type(error) or not self.types._registered:
            return True
        self.types._stale = True
        return self._given_back or self._transaction_status is not TransactionStatus.IDLE

    async def _look_up_types(self, types: list[int], timeout: float | Deadline | None) -> bool:
        """False: nothing can be asked in a failed transaction, or on a lost connection."""
        status = self._transaction_status
        if status is TransactionStatus.ACTIVE:  # a stream has its connection for itself
            await self.pool._look_up_types(types, timeout)
        elif status in (TransactionStatus.INERROR, TransactionStatus.UNKNOWN):
            return False
        else:
            sql, parameters = self.types._question(types)
            self.types._answer(parameters, await self._execute_plain(sql, parameters, timeout))
        return True

    async def _all(
        self,
        statements: Iterable[Any],
        transaction: bool,
        row: Callable[..., Any] | None,
        timeout: float | Deadline | None,
    ) -> list[Any]:
        answers: list[Any] | None = await self._run(self._execute_all, statements, transaction, row, timeout=timeout)
        return answers or []

    async def _many(
        self,
        sql: Query,
        params_seq: Iterable[Params] | AsyncIterable[Params],
        returning: bool | Callable[..., Any] | None,
        timeout: float | Deadline | None,
    ) -> Any:
        if is_async_only(params_seq):
            return await self._send(Stream(self, sql, params_seq, returning), self._deadline(timeout))
        answer = await self._run(self._execute_many, sql, params_seq, returning, timeout=timeout)
        return nothing(returning) if answer is None else answer

    async def _send(self, stream: Stream, deadline: _native.Deadline) -> Any:
        return await stream.send_on(self, self._turns, deadline)


class DetachedAsyncConnection(AsyncConnection):
    """What `conn.detach()` returns: a connection that belongs to no pool any more. Leaving its block closes it."""

    async def __aenter__(self) -> DetachedAsyncConnection:
        return self


class AsyncCursor(BaseCursor):
    """Executes statements on its connection. For one task at a time."""

    connection: AsyncConnection

    @shortcut(_native.Cursor.__init__)
    def __init__(self, connection: AsyncConnection, row_factory: Callable[..., Any]) -> None:
        super().__init__(connection, row_factory)

    async def execute(self, sql: Query, params: Params | None = None) -> AsyncCursor:
        """Executes one statement, or, without parameters, several. Returns this cursor."""
        self._forget()
        await self.connection._run(self.connection._execute_on, self, sql, params)
        return self

    async def executemany(self, sql: Query, params_seq: Iterable[Params] | AsyncIterable[Params]) -> None:
        """Executes the statement for each row of parameters, in one pipeline. Rows that it returns are dropped."""
        self._forget()
        self._keep_count(await self.connection.execute_many(sql, params_seq))

    async def fetchone(self) -> Row | None:
        """Returns the next row, or None after the last."""
        return self._fetchone()

    async def fetchmany(self, size: int | None = None) -> list[Row]:
        """Returns the next `size` rows (`arraysize` if not given), or fewer if fewer are left."""
        return self._fetchmany(size)

    async def fetchall(self) -> list[Row]:
        """Returns all rows that have not been fetched."""
        return self._fetchall()

    async def __aiter__(self) -> AsyncIterator[Row]:
        while (row := self._fetchone()) is not None:
            yield row

    async def close(self) -> None:
        """Forgets the rows. The connection is not touched."""
        self._close()

    async def __aenter__(self) -> AsyncCursor:
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._close()
