"""psycopg's connection and cursor, as a pool for threads gives them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from .. import connection as plain
from .._copy import Copy
from .._mixing import mixed
from .._native_types import Params, Raised, RaisedType, Traceback
from .._pool_leases import lease
from .._roll_back import RollBack
from ..connect import StandaloneConnection
from ..errors import NotSupportedError
from ..server_cursor import ServerCursor
from ..stream import RowStream
from ..transaction import Transaction
from ._errors import speaking, speaks_psycopg
from ._manners import Info, Mannered, Manners, is_rollback, isolation_of
from ._values import row_kind, rows_of, text_of, values_of

Self = TypeVar("Self", bound="Connection")

if TYPE_CHECKING:
    from ..deadline import Deadline

    class Base(Mannered, StandaloneConnection): ...  # type: ignore[misc]
else:
    Base = mixed(Mannered, StandaloneConnection)

logger = logging.getLogger("pycopg")


@speaks_psycopg("fetchone", "fetchmany", "fetchall", "__next__")
class Cursor(plain.Cursor):
    """Executes statements on its connection, as psycopg.Cursor. For one thread at a time."""

    @speaking()
    def execute(
        self, sql: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Cursor:
        """`prepare` and `binary` do nothing: pycopg prepares statements by itself, and the rows are the same."""
        super().execute(text_of(sql), values_of(params))
        return self

    @speaking()
    def executemany(self, sql: Any, params_seq: Iterable[Params], *, returning: bool = False) -> None:
        refuse_returning(returning)
        super().executemany(text_of(sql), rows_of(params_seq))

    @contextmanager
    def copy(self, statement: Any, params: Params | None = None) -> Iterator[Copy]:
        refuse_parameters(params)
        with speaking(), self.connection.copy(text_of(statement)) as copy:
            yield copy
        self._keep_count(copy.rowcount)

    def stream(self, sql: Any, params: Params | None = None, *, size: int = 1) -> Iterator[Any]:
        """Rows as they are asked for, read from the server in chunks of `size`, but of no fewer than 100."""
        rows: RowStream[Any]
        chunk = max(size, 100)
        with (
            speaking(),
            RowStream(self.connection, text_of(sql), values_of(params), chunk, None, self.row_factory) as rows,
        ):
            yield from rows


@speaks_psycopg("commit", "rollback")
class Connection(Base):
    """A leased connection, as psycopg.Connection: rows are tuples, `with conn:` commits, `close` closes it.

    It is given back by `putconn`, or as the block of `pool.connection()` ends. No statement has a time limit of its
    own. Threads that share a connection take turns.
    """

    cursor_class = Cursor

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._given = Manners()
        self._pool: Any = None

    def _take(self, pool: Any) -> None:
        """Leases the connection for the compatible pool, and begins as the pool's connections do."""
        self._given = pool._new_manners()
        with speaking():
            lease(self)
        self._pool = pool
        self.timeout: float = math.inf
        self._begin_as(pool._new_manners())  # which the first connection may have changed, as it was configured

    def _begin_as(self, manners: Manners) -> None:
        self._given = manners
        self.autocommit = manners.autocommit
        if manners.begin_otherwise():
            self._next.change(
                self,
                isolation=isolation_of(manners.isolation_level),
                readonly=bool(manners.read_only),
                deferrable=bool(manners.deferrable),
            )

    def _leave(self, discard: bool = False) -> None:
        """Gives it back, which rolls back; or closes it."""
        self._pool = None
        self._next.number = None
        if discard:
            self._discard()
        else:
            self._give_back()

    @property
    def info(self) -> Info:
        return Info(self)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        """Commits, or rolls back after an exception. A connection that was closed stays so."""
        if self.closed:
            return
        if error is None:
            self.commit()
            return
        try:
            self.rollback()
        except Exception as failed:
            logger.warning("%r: rolling back failed, after %r: %s", self, error, failed)

    def close(self) -> None:
        """Closes the connection; with `close_returns`, gives it back to its pool. Nothing after that."""
        pool = self._pool
        if pool is not None and pool.close_returns:
            pool.putconn(self)
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
    ) -> Cursor | ServerCursor:
        """A cursor; with a `name`, one of the server."""
        kind = row_kind(self._given.row_factory if row_factory is None else row_factory)
        return ServerCursor(self, name, scrollable, withhold, kind) if name else self.cursor_class(self, kind)

    @speaking()
    def execute(
        self,
        sql: Any,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool = False,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> Cursor:
        """`row` and `timeout` are pycopg's, whose other verbs need them."""
        kind = row_kind(self._given.row_factory) if row is None else row
        cursor = self.cursor_class(self, kind)
        self._execute_on(cursor, text_of(sql), values_of(params), timeout)
        return cursor

    @contextmanager
    def transaction(  # type: ignore[override]
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[Transaction]:
        """A block that is a transaction, or a savepoint inside one. `raise psycopg.Rollback` ends it silently.

        `savepoint_name` does nothing: pycopg names savepoints itself.
        """
        block = Transaction(self)
        try:
            with suppress(RollBack), speaking(), block:
                yield block
                if force_rollback:
                    raise RollBack
        except Exception as error:
            if not is_rollback(error, block):
                raise

    def set_autocommit(self, value: bool) -> None:
        self.autocommit = value

    @property
    def isolation_level(self) -> Any:
        return self._given.isolation_level

    @isolation_level.setter
    def isolation_level(self, value: Any) -> None:
        self._next.change(self, isolation=isolation_of(value))
        self._given.isolation_level = value

    @property
    def read_only(self) -> bool | None:
        return self._given.read_only

    @read_only.setter
    def read_only(self, value: bool | None) -> None:
        self._next.change(self, readonly=bool(value))
        self._given.read_only = value

    @property  # type: ignore[override]
    def deferrable(self) -> bool | None:
        return self._given.deferrable

    @deferrable.setter
    def deferrable(self, value: bool | None) -> None:
        self._next.change(self, deferrable=bool(value))
        self._given.deferrable = value

    def set_isolation_level(self, value: Any) -> None:
        self.isolation_level = value

    def set_read_only(self, value: bool | None) -> None:
        self.read_only = value

    def set_deferrable(self, value: bool | None) -> None:
        self.deferrable = value

    def manners(self) -> Manners:
        """Those that it has now."""
        given = self._given
        return Manners(self.autocommit, given.row_factory, given.isolation_level, given.read_only, given.deferrable)


def refuse_returning(returning: bool) -> None:
    if returning:
        raise NotSupportedError("executemany(returning=True): use conn.execute_many(sql, rows, returning=True)")


def refuse_parameters(params: Any) -> None:
    if params is not None:
        raise NotSupportedError("copy() takes no parameters: put them into the text with psycopg.sql or pycopg.sql")
