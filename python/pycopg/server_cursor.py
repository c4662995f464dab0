"""Cursors with a name: DECLARE CURSOR, whose rows stay on the server until they are fetched."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from ._copying import LEASE, Refusal, uncopied
from ._native_types import Params, Raised, RaisedType, Traceback, TransactionStatus
from .errors import Error, InterfaceError, NotSupportedError, ProgrammingError
from .sql import Identifier, _composed

if TYPE_CHECKING:
    from .cursor import Column
    from .sql import Query

Mode = Literal["relative", "absolute"]
_LONGEST_NAME = 63  # bytes; the server cuts off what is longer
# The end of a transaction, or of a savepoint, ends cursors as well, and to close one that is gone would fail the next.
_STANDS = "SELECT EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE name = %s)"


class NamedCursor:
    """What the cursors of both faces have in common: their texts, and the rows that were fetched for an iteration."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    arraysize = 1
    """How many rows `fetchmany` fetches if it is not told."""
    itersize = 1000
    """How many rows one round trip of an iteration fetches."""

    def __init__(
        self,
        connection: Any,
        name: str,
        scrollable: bool | None,
        withhold: bool,
        row_factory: Callable[..., Any],
    ) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a cursor must be a str, not {type(name).__name__}")
        if not 1 <= len(name.encode()) <= _LONGEST_NAME:
            raise ValueError(f"{name!r}: the name of a cursor has 1 to {_LONGEST_NAME} bytes")
        self._quoted = Identifier(name).as_string()
        self._kind = "" if scrollable is None else " SCROLL" if scrollable else " NO SCROLL"
        self._kept = " WITH HOLD" if withhold else ""
        self.name = name
        self.connection = connection
        self.row_factory = row_factory
        self._forget()
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "declared" if self._declared else "not executed"
        return f"<{type(self).__name__} {self.name!r} ({state})>"

    @property
    def closed(self) -> bool:
        """Whether the cursor was closed."""
        return self._closed

    @property
    def description(self) -> list[Column] | None:
        """The columns of the rows; None before `execute`."""
        return self._description

    @property
    def rowcount(self) -> int:
        """Always -1: how many rows there are, nobody knows before they are fetched."""
        return -1

    @property
    def rownumber(self) -> int | None:
        """How many rows were fetched or skipped; None before `execute`."""
        return self._row_number if self._declared else None

    def setinputsizes(self, sizes: Any) -> None:
        """PEP 249 requires it; it does nothing."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """PEP 249 requires it; it does nothing."""

    def _forget(self) -> None:
        self._declared = False
        self._description: list[Column] | None = None
        self._row_number = 0
        self._ahead: list[Any] = []  # the next rows, the last one first

    def _declare(self, sql: Query, params: Params | None) -> tuple[str, Params | None]:
        self._require_open()
        self._forget()
        text, params = (sql, params) if isinstance(sql, str) else _composed(sql, params)
        return f"DECLARE {self._quoted}{self._kind} CURSOR{self._kept} FOR {text}", params

    def _columns(self) -> str:
        """What returns the columns, and no row."""
        return f"FETCH FORWARD 0 FROM {self._quoted}"

    def _fetch(self, count: int | None) -> str:
        return f"FETCH FORWARD {'ALL' if count is None else count} FROM {self._quoted}"

    def _skip(self, value: int, mode: Mode) -> str | None:
        """What moves the cursor; None: there is nothing to do."""
        self._require_declared()
        ahead = len(self._ahead)
        if mode == "absolute":
            self._row_number, self._ahead = value, []
            return f"MOVE ABSOLUTE {value} FROM {self._quoted}"
        if mode != "relative":
            raise ValueError(f"mode = {mode!r}: it must be 'relative' or 'absolute'")
        self._row_number += value
        if 0 <= value <= ahead:
            del self._ahead[ahead - value :]
            return None
        self._ahead = []
        return f"MOVE RELATIVE {value - ahead} FROM {self._quoted}"

    def _end(self) -> bool:
        """Closes this object. Returns whether a cursor of the server may be left to be closed."""
        declared, self._closed = self._declared and not self._closed, True
        self._forget()
        if not declared or self.connection._given_back:
            return False
        status = self.connection.info.transaction_status
        over = status is TransactionStatus.IDLE and not self._kept
        return not over and status not in (TransactionStatus.INERROR, TransactionStatus.UNKNOWN)

    def _close_text(self) -> str:
        return f"CLOSE {self._quoted}"

    def _take_ahead(self, count: int | None) -> list[Any]:
        self._require_declared()
        taken: list[Any] = []
        while self._ahead and (count is None or len(taken) < count):
            taken.append(self._ahead.pop())
        self._row_number += len(taken)
        return taken

    def _keep_ahead(self, rows: list[Any]) -> bool:
        rows.reverse()
        self._ahead = rows
        return bool(rows)

    def _require_open(self) -> None:
        if self._closed:
            raise InterfaceError("this cursor is closed")

    def _require_declared(self) -> None:
        self._require_open()
        if not self._declared:
            raise ProgrammingError("there are no rows to fetch: no statement was executed on this cursor")


class ServerCursor(NamedCursor):
    """What `conn.cursor("name")` returns: a cursor of the server, in a transaction. For one thread at a time.

    `execute` declares it; only the rows that are asked for travel. It ends with its transaction, unless it was made
    `withhold`, and with `close`, or the end of its `with` block.
    """

    def execute(self, sql: Query, params: Params | None = None) -> ServerCursor:
        """Declares the cursor for a query, in two round trips; one that was declared before is closed. Returns it."""
        if self._declared:
            self.close()
            self._closed = False
        self.connection.execute(*self._declare(sql, params))
        self._declared = True
        self._description = self.connection.execute(self._columns()).description
        return self

    def executemany(self, sql: Query, params_seq: Iterable[Params]) -> None:
        """NotSupportedError: a cursor with a name executes one query."""
        raise NotSupportedError("a cursor with a name executes one query: use one without a name")

    def fetchone(self) -> Any:
        """Fetches the next row. Returns None after the last."""
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Fetches the next `size` rows (`arraysize` if not given), or fewer if fewer are left, in one round trip."""
        count = self.arraysize if size is None else size
        rows = self._take_ahead(count)
        if len(rows) < count:
            rows += self._fetched(count - len(rows))
        return rows

    def fetchall(self) -> list[Any]:
        """Fetches all rows that are left, in one round trip, and in whatever memory they take."""
        return self._take_ahead(None) + self._fetched(None)

    def scroll(self, value: int, mode: Mode = "relative") -> None:
        """Skips rows, or goes to the row of that number ("absolute"). Backwards only if the cursor is scrollable."""
        text = self._skip(value, mode)
        if text is not None:
            self.connection.execute(text)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self._require_declared()
        if not self._ahead and not self._keep_ahead(self._read(self.itersize)):
            raise StopIteration
        self._row_number += 1
        return self._ahead.pop()

    def _fetched(self, count: int | None) -> list[Any]:
        rows = self._read(count)
        self._row_number += len(rows)
        return rows

    def _read(self, count: int | None) -> list[Any]:
        rows: list[Any] = self.connection.fetch_all(self._fetch(count), row=self.row_factory)
        return rows

    def close(self) -> None:
        """Closes the cursor on the server, in two round trips; none if there is no transaction any more."""
        if self._end() and self.connection.fetch_val(_STANDS, [self.name]):
            self.connection.execute(self._close_text())

    def __enter__(self) -> ServerCursor:
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        with contextlib.suppress(*() if error is None else (Error,)):  # the block's own error says more
            self.close()


class AsyncServerCursor(NamedCursor):
    """What `conn.cursor("name")` returns: a cursor of the server, in a transaction. For one task at a time.

    See ServerCursor.
    """

    async def execute(self, sql: Query, params: Params | None = None) -> AsyncServerCursor:
        """Declares the cursor for a query, in two round trips; one that was declared before is closed. Returns it."""
        if self._declared:
            await self.close()
            self._closed = False
        await self.connection.execute(*self._declare(sql, params))
        self._declared = True
        self._description = (await self.connection.execute(self._columns())).description
        return self

    async def executemany(self, sql: Query, params_seq: Iterable[Params]) -> None:
        """NotSupportedError: a cursor with a name executes one query."""
        raise NotSupportedError("a cursor with a name executes one query: use one without a name")

    async def fetchone(self) -> Any:
        """Fetches the next row. Returns None after the last."""
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Fetches the next `size` rows (`arraysize` if not given), or fewer if fewer are left, in one round trip."""
        count = self.arraysize if size is None else size
        rows = self._take_ahead(count)
        if len(rows) < count:
            rows += await self._fetched(count - len(rows))
        return rows

    async def fetchall(self) -> list[Any]:
        """Fetches all rows that are left, in one round trip, and in whatever memory they take."""
        return self._take_ahead(None) + await self._fetched(None)

    async def scroll(self, value: int, mode: Mode = "relative") -> None:
        """Skips rows, or goes to the row of that number ("absolute"). Backwards only if the cursor is scrollable."""
        text = self._skip(value, mode)
        if text is not None:
            await self.connection.execute(text)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        self._require_declared()
        if not self._ahead and not self._keep_ahead(await self._read(self.itersize)):
            raise StopAsyncIteration
        self._row_number += 1
        return self._ahead.pop()

    async def _fetched(self, count: int | None) -> list[Any]:
        rows = await self._read(count)
        self._row_number += len(rows)
        return rows

    async def _read(self, count: int | None) -> list[Any]:
        rows: list[Any] = await self.connection.fetch_all(self._fetch(count), row=self.row_factory)
        return rows

    async def close(self) -> None:
        """Closes the cursor on the server, in two round trips; none if there is no transaction any more."""
        if self._end() and await self.connection.fetch_val(_STANDS, [self.name]):
            await self.connection.execute(self._close_text())

    async def __aenter__(self) -> AsyncServerCursor:
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        with contextlib.suppress(*() if error is None else (Error,)):
            await self.close()


def require_name(scrollable: bool | None, withhold: bool) -> None:
    """For a cursor without a name, whose rows have all come already."""
    if scrollable is not None or withhold:
        raise ValueError("scrollable and withhold are for a cursor of the server: give it a name")
