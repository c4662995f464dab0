"""A connection leased from a pool, and transactions on it."""

from __future__ import annotations

import enum
import logging
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from . import _native
from ._copying import LEASE, uncopied
from ._shortcut import shortcut
from .cursor import Cursor, Params, check_row_factory
from .errors import Error, ProgrammingError

if TYPE_CHECKING:
    from .async_connection import AsyncConnection
    from .pool import PooledDatabase

Entered = TypeVar("Entered", bound="Connection")
Self = TypeVar("Self", bound="CheckedConnection")

logger = logging.getLogger("pycopg")


class TransactionStatus(enum.IntEnum):
    """What the server says of the session; the numbers are libpq's."""

    IDLE = 0
    ACTIVE = 1
    """A statement was given up half-way: the connection can only be given back."""
    INTRANS = 2
    INERROR = 3
    UNKNOWN = 4
    """The connection was lost, as a call has found out: it can only be given back."""


class Connection(_native.Connection):
    """What `db.connection()` returns: leases a connection when entered, gives it back when left.

    Leaving normally commits, leaving with an exception rolls back. The first statement begins the transaction.
    After that every use raises InterfaceError. For one thread at a time.
    """

    __reduce_ex__ = uncopied(LEASE)

    def __init__(
        self,
        pool: PooledDatabase,
        timeout: float | None = None,
        autocommit: bool = False,
        row_factory: type = dict,
    ) -> None:
        super().__init__(pool, timeout, autocommit)
        self.pool = pool
        self.row_factory = row_factory

    @shortcut(_native.Connection._enter)
    def __enter__(self: Entered) -> Entered:
        return self._enter()

    @shortcut(_native.Connection._exit)
    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exit(error_type, error, traceback)

    def cursor(self, row_factory: type | None = None) -> Cursor:
        """A cursor on this connection; its rows are dictionaries or tuples, as `row_factory` says."""
        return Cursor(self, self.row_factory if row_factory is None else check_row_factory(row_factory))

    def execute(self, sql: str, params: Params | None = None) -> Cursor:
        """Executes a statement on a new cursor, and returns that."""
        return Cursor(self, self.row_factory).execute(sql, params)

    def execute_many(self, sql: str, params_seq: Iterable[Params]) -> int:
        """Executes the statement for each row of parameters, as part of the transaction; rows affected in all."""
        return self._execute_many(sql, params_seq)

    @shortcut(_native.Connection._commit)
    def commit(self) -> None:
        """One round trip; none without an open transaction."""
        self._commit()

    @shortcut(_native.Connection._rollback)
    def rollback(self) -> None:
        """One round trip; none without an open transaction."""
        self._rollback()

    def transaction(self) -> Transaction:
        """A transaction as a context manager; inside another, or after a statement, a savepoint."""
        return Transaction(self)

    def close(self) -> None:
        """Closes the connection instead of giving it back; the pool opens another. Afterwards: nothing."""
        self._discard()

    @property
    def info(self) -> ConnectionInfo:
        return ConnectionInfo(self)

    def _tell_left_open(self, left_open: tuple[str, bool]) -> None:
        tell_left_open(self, left_open)

    def __repr__(self) -> str:
        return f"<pycopg.{type(self).__name__} {state_of(self)}>"


class CheckedConnection(Connection):
    """One of a pool with `check`: what that refuses is closed, and the next one tried."""

    def __init__(self, pool: PooledDatabase, timeout: float | None, autocommit: bool, row_factory: type) -> None:
        super().__init__(pool, timeout, autocommit, row_factory)
        self._limit = pool._timeout if timeout is None else timeout

    def __enter__(self: Self) -> Self:
        self.pool._lease_checked(self, self._limit)
        return self


class ConnectionInfo:
    """What a leased connection knows without asking the server."""

    __reduce_ex__ = uncopied(LEASE)

    def __init__(self, native: _native.Connection | _native.LoopConnection) -> None:
        self._native = native

    @property
    def backend_pid(self) -> int:
        return self._native._backend_pid

    @property
    def server_version(self) -> int:
        """As 150004 for 15.4."""
        return self._native._server_version

    @property
    def transaction_status(self) -> TransactionStatus:
        return TransactionStatus(self._native._transaction_status)

    def parameter_status(self, name: str) -> str | None:
        """What the server reported last, such as TimeZone; None for what it does not report."""
        return self._native._parameter_status(name) or None


def state_of(connection: Connection | AsyncConnection) -> str:
    """For `repr`, which must not raise: another task may be in a call on it, or the pool be closed."""
    try:
        return "closed" if connection.closed else f"pid={connection.info.backend_pid}"
    except Error:
        return "not to be asked now"


def tell_left_open(connection: Connection | AsyncConnection, left_open: tuple[str, bool]) -> None:
    """The block of a connection was left normally, one of its transaction() blocks never: nothing is committed.

    That is told once. Where the rest of a transaction goes with it, whose block was left as if it were committed, by an
    exception.
    """
    places, inside_another = left_open
    text = f"a transaction() block of {connection!r} was never left, and is rolled back: it was entered at {places}"
    if inside_another:
        raise ProgrammingError(f"{text}; with it goes the transaction around it")
    logger.warning("%s", text)


class Transaction:
    """Committed when left normally, rolled back when left with an exception."""

    __reduce_ex__ = uncopied(LEASE)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._number = 0

    def __enter__(self) -> Transaction:
        self._number = self.connection._begin()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.connection._end(self._number, True)
            return
        if self.connection._given_back:  # and rolled back with that
            return
        try:
            self.connection._end(self._number, False)
        except Exception as failed:
            # The reason that the block was left is what its caller must see; what could not be rolled back is when
            # the connection is given back.
            words = "%r: rolling back %r failed, after %r: %s"
            logger.warning(words, self.connection.pool, self.connection, error, failed)
