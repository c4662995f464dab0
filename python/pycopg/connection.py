"""A connection leased from a PooledDatabase, its cursors and transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import _native
from ._copy import Copy, Format, SupportsRead, SupportsWrite, copy_in, copy_out, out_text
from ._info import Leased, tell_left_open
from ._mixing import mixed
from ._native_types import Params, Raised, RaisedType, Row, Traceback, TransactionStatus
from ._pipeline import Pipelines
from ._shortcut import shortcut
from ._transaction_options import options_of
from .cursor import BaseCursor
from .deadline import Deadline, as_deadline
from .errors import NotSupportedError
from .listener import NOTIFY
from .server_cursor import ServerCursor, require_name
from .stream import RowStream
from .transaction import Transaction

Entered = TypeVar("Entered", bound="Connection")
T = TypeVar("T")

_ASKS_NOTHING = (TransactionStatus.INERROR, TransactionStatus.UNKNOWN)

if TYPE_CHECKING:
    from ._transaction_options import Isolation, Settings
    from .sql import Query

    class Base(Leased, Pipelines, _native.Connection): ...
else:
    Base = mixed(Leased, mixed(Pipelines, _native.Connection))


class Connection(Base):
    """What `db.connection()` returns: it leases a connection when entered and gives it back when left.

    The first statement begins a transaction. Leaving normally commits it, an exception rolls it back. Any use after the
    block raises InterfaceError. Threads that share a connection take turns.
    """

    @shortcut(_native.Connection.__init__)
    def __init__(
        self,
        pool: _native.AnyPool,
        timeout: float | Deadline | None = None,
        autocommit: bool = False,
        row_factory: Callable[..., Any] = dict,
    ) -> None:
        super().__init__(pool, timeout, autocommit, row_factory)

    @shortcut(_native.Connection._enter)
    def __enter__(self: Entered) -> Entered:
        return self._enter()

    @shortcut(_native.Connection._exit)
    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._exit(error_type, error, traceback)

    def _look_up_types(self, types: list[int], timeout: float | Deadline | None) -> None:
        status = self._transaction_status
        if status is TransactionStatus.ACTIVE:  # a stream has its connection for itself
            self.pool._look_up_types(types, timeout)
        elif status not in _ASKS_NOTHING:
            sql, parameters = self.types._question(types)
            self.types._answer(parameters, self._execute_plain(sql, parameters, timeout))

    def _try_leasing(self) -> bool:
        return self._try_lease()

    @overload
    def cursor(self, name: None = None, *, row_factory: Callable[..., Any] | None = None) -> Cursor: ...
    @overload
    def cursor(
        self,
        name: str,
        *,
        row_factory: Callable[..., Any] | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> ServerCursor: ...
    def cursor(
        self,
        name: str | None = None,
        *,
        row_factory: Callable[..., Any] | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> Cursor | ServerCursor:
        """Makes a cursor on this connection; with a `name`, one of the server (DECLARE CURSOR), in a transaction.

        `row_factory`: what a row becomes (pycopg.rows). Of a cursor with a name: `scrollable`: whether it can go back;
        None: if the query makes that cheap. `withhold`: it stays when the transaction is committed.
        """
        kind = self.row_factory if row_factory is None else row_factory
        if name is not None:
            return ServerCursor(self, name, scrollable, withhold, kind)
        require_name(scrollable, withhold)
        return Cursor(self, kind)

    @shortcut(_native.Connection._execute)
    def execute(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> Cursor:
        """Executes a statement on a new cursor, and returns that cursor.

        `row`: what a row becomes (pycopg.rows), in place of the connection's `row_factory`. `timeout`: of this call, in
        seconds, in place of the connection's `timeout`.
        """
        cursor: Cursor = self._execute(sql, params, row, timeout)
        return cursor

    @overload
    def fetch_all(
        self, sql: Query, params: Params | None = None, *, row: None = None, timeout: float | Deadline | None = None
    ) -> list[Row]: ...
    @overload
    def fetch_all(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> list[dict[str, Any]]: ...
    @overload
    def fetch_all(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> list[T]: ...
    def fetch_all(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> list[Any]:
        """Executes a statement. Returns all rows, or [] if it returns none. `row`, `timeout`: as of `execute`."""
        return self.execute(sql, params, row=row, timeout=timeout)._all_rows()

    @overload
    def fetch_one(
        self, sql: Query, params: Params | None = None, *, row: None = None, timeout: float | Deadline | None = None
    ) -> Row | None: ...
    @overload
    def fetch_one(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> dict[str, Any] | None: ...
    @overload
    def fetch_one(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> T | None: ...
    def fetch_one(
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
        return self.execute(sql, params, row=row, timeout=timeout)._first_row()

    def fetch_val(self, sql: Query, params: Params | None = None, *, timeout: float | Deadline | None = None) -> Any:
        """Executes a statement. Returns the first column of the first row, or None.

        ProgrammingError for a row without columns. `timeout`: as of `execute`.
        """
        return self.execute(sql, params, timeout=timeout)._first_value()

    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: None = None,
        timeout: float | Deadline | None = None,
    ) -> RowStream[Row]: ...
    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> RowStream[dict[str, Any]]: ...
    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> RowStream[T]: ...
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> RowStream[Any]:
        """The rows of a statement, read in chunks of `size` as they are asked for: `for row in conn.stream(sql)`.

        Memory is bounded by a chunk, whatever the size of the result. `size`: 1 to 1,000,000; outside a transaction a
        chunk also ends with the row that makes it 1 MiB large (with libpq 17 and later, with the up to 32 rows that
        came along). `timeout`: of each wait for a chunk, in seconds, in place of the connection's; a Deadline is that
        of the whole. See RowStream. Inside a transaction the rows of a statement that is no query (INSERT ...
        RETURNING, SHOW) come as one chunk. `row`: as of `execute`.
        """
        return RowStream(self, sql, params, size, timeout, row)

    def notify(self, channel: str, payload: str = "", *, timeout: float | Deadline | None = None) -> None:
        """Sends a notification to those who listen to the channel, when the transaction is committed.

        The server refuses a payload of 8,000 bytes and more, and a channel's name that is empty or longer than 63
        bytes.
        """
        self.execute(NOTIFY, [channel, payload], timeout=timeout)

    def copy(self, sql: Query, *, timeout: float | Deadline | None = None) -> Copy:
        """A context manager for COPY ... FROM STDIN or COPY ... TO STDOUT: `copy.write_row(row)`, `for chunk in copy`.

        `timeout`: of the whole block, in seconds; None: each call in it has the connection's `timeout`.
        """
        return Copy(self, sql, timeout)

    def copy_in(
        self,
        table: str,
        rows: Iterable[Any] | SupportsRead,
        *,
        columns: Sequence[str] | None = None,
        format: Format | None = None,  # noqa: A002  (COPY has the name)
        header: bool = False,
        timeout: float | Deadline | None = None,
    ) -> int:
        """Copies rows, or data in COPY's own format, into a table: the fastest way in. Returns the number of rows.

        `table`: its name, `app.jobs` with a schema, quoted as it stands; a name with special characters is given in
        double quotes, as in SQL. Or a whole COPY ... FROM STDIN. `rows`: an iterable of sequences, or of dicts if
        `columns` are given; a file, or an iterable of bytes or str, in the `format` "text" (of a file: if none is
        given), "csv" (`header`: its first line is one) or "binary".

        The rows are part of an open transaction, which an error fails. An error of the server says which line and
        column it means (`error.diag.context`). `timeout`: of the whole call.
        """
        deadline = as_deadline(self.timeout if timeout is None else timeout)
        return copy_in(self, table, rows, columns, format, header, deadline)

    def copy_out(
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
        file gets str. `format`: as of `copy_in`. `timeout`: of the whole call.
        """
        text = out_text(query_or_table, format, header)
        return copy_out(Copy(self, text, self.timeout if timeout is None else timeout), file)

    @shortcut(_native.Connection._commit)
    def commit(self) -> None:
        """One round trip; none without an open transaction."""
        self._commit()

    @shortcut(_native.Connection._rollback)
    def rollback(self) -> None:
        """One round trip; none without an open transaction."""
        self._rollback()

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
    ) -> Transaction:
        """A context manager for a transaction, or for a savepoint if a transaction is open already.

        `timeout`: of the whole block, in seconds: each call in it ends by it, and so does the COMMIT. If no time is
        left to end the transaction, the connection is given back, which rolls back.

        The options cost no further round trip. Settings (as by SET LOCAL) and the role (as by SET LOCAL ROLE) end with
        the block. InterfaceError if a savepoint is given `isolation`, `deferrable` or `resolve_commit`.
        """
        return Transaction(self, options_of(isolation, readonly, deferrable, settings, role, resolve_commit), timeout)

    def close(self) -> None:
        """Closes the connection, unless it was given back. The pool opens another."""
        self._discard()

    def detach(self) -> DetachedConnection:
        """Takes the connection out of the pool, which may open another in its place, and returns it.

        It belongs to the program from then on: no limit of the pool counts it, `close` of the pool does not end it, and
        if it dies it is not replaced. It has the verbs, the session and the open transaction of the lease. Its own
        `with` block, `close`, or the end of the object closes it. This connection can't be used any more. Sends
        nothing. ProgrammingError inside a transaction() block; InterfaceError while a statement has not ended.
        """
        own = DetachedConnection(self.pool, None, self.autocommit, self.row_factory)
        self._detach_to(own)
        return own

    def _tell_left_open(self, left_open: tuple[str, bool]) -> None:
        tell_left_open(self, left_open)


class DetachedConnection(Connection):
    """What `conn.detach()` returns: a connection that belongs to no pool any more. Leaving its block closes it."""

    def __enter__(self: Entered) -> Entered:
        return self


class Cursor(BaseCursor):
    """Executes statements on its connection. For one thread at a time."""

    connection: Connection

    @shortcut(_native.Cursor.__init__)
    def __init__(self, connection: Connection, row_factory: Callable[..., Any] = dict) -> None:
        super().__init__(connection, row_factory)

    def execute(self, sql: Query, params: Params | None = None) -> Cursor:
        """Executes one statement, or, without parameters, several. Returns this cursor."""
        self.connection._execute_on(self, sql, params, None)
        return self

    def executemany(self, sql: Query, params_seq: Iterable[Params]) -> None:
        """Executes the statement for each row of parameters, in one pipeline. Rows that it returns are dropped."""
        self._forget()
        self._keep_count(self.connection._execute_many(sql, params_seq, None, None))

    @shortcut(_native.Cursor._fetchone)
    def fetchone(self) -> Row | None:
        """Returns the next row, or None after the last."""
        return self._fetchone()

    @shortcut(_native.Cursor._fetchmany)
    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Returns the next `size` rows (`arraysize` if not given), or fewer if fewer are left."""
        return self._fetchmany(size)

    @shortcut(_native.Cursor._fetchall)
    def fetchall(self) -> list[Row]:
        """Returns all rows that have not been fetched."""
        return self._fetchall()

    def __iter__(self) -> Iterator[Row]:
        return self

    @shortcut(_native.Cursor._next)
    def __next__(self) -> Row:
        return self._next()

    def close(self) -> None:
        """Forgets the rows. The connection is not touched."""
        self._close()

    def nextset(self) -> bool | None:
        """PEP 249 names it. NotSupportedError: of several statements only the rows of the first are kept."""
        raise NotSupportedError("of several statements only the first one's rows are kept")

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self.close()
