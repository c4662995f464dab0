"""Cursors: PEP 249's way to the rows of a statement."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from . import _native
from ._copying import LEASE, uncopied
from ._notify import listened
from .errors import InterfaceError, NotSupportedError, ProgrammingError

if TYPE_CHECKING:
    from .async_connection import AsyncConnection
    from .connection import Connection

Params = Union[Sequence[Any], Mapping[str, Any]]
Row = Any
"""A dict by the names of the columns, or a tuple: what `row_factory` says."""

_VARIABLE_LENGTH = -1


class Column(NamedTuple):
    """One column of `Cursor.description`."""

    name: str
    type_code: int
    display_size: int | None
    internal_size: int | None
    precision: int | None
    scale: int | None
    null_ok: bool | None


class BaseCursor:
    """The rows of the last statement, and how far they have been fetched: what every cursor has."""

    __reduce_ex__ = uncopied(LEASE)

    arraysize = 1
    connection: Connection | AsyncConnection

    def __init__(self, row_factory: type) -> None:
        self.row_factory = check_row_factory(row_factory)
        self._rows: _native.Rows | None = None
        self._row_count = -1
        self._next = 0
        self._closed = False

    @property
    def description(self) -> list[Column] | None:
        """The columns of the rows; None if the statement returns none."""
        if self._rows is None or not self._rows.returns_rows:
            return None
        return [describe(*column) for column in self._rows.columns]

    @property
    def rowcount(self) -> int:
        """Rows returned or affected; -1 if neither can be said."""
        return self._row_count

    @property
    def rownumber(self) -> int | None:
        """The index of the next row; None without rows."""
        return self._next if self._rows is not None and self._rows.returns_rows else None

    @property
    def statusmessage(self) -> str | None:
        """What the server calls what it did: "INSERT 0 1"."""
        return None if self._rows is None else self._rows.status

    @property
    def closed(self) -> bool:
        return self._closed

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """PEP 249 wants it; parameters need no sizes."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """PEP 249 wants it; columns need no sizes."""

    def _forget(self) -> None:
        if self._closed:
            raise InterfaceError("this cursor is closed")
        self._rows = None
        self._row_count = -1
        self._next = 0

    def _keep(self, rows: _native.Rows) -> None:
        self._rows = rows
        self._row_count = rows.row_count
        if self._row_count == -1 and rows.status == "LISTEN":
            listened(self.connection.pool)

    def _close(self) -> None:
        self._rows = None
        self._closed = True

    def _fetch(self, count: int | None) -> list[Row]:
        if self._closed:
            raise InterfaceError("this cursor is closed")
        if self._rows is None or not self._rows.returns_rows:
            raise ProgrammingError("there are no rows to fetch: no statement was executed, or it returns none")
        end = len(self._rows)
        if count is not None:
            end = min(end, self._next + max(count, 0))
        rows = self._rows.fetch(self._next, end, self.row_factory is dict)
        self._next = end
        return rows


class Cursor(BaseCursor):
    """Executes statements on its connection. For one thread at a time."""

    connection: Connection

    def __init__(self, connection: Connection, row_factory: type = dict) -> None:
        super().__init__(row_factory)
        self.connection = connection

    def execute(self, sql: str, params: Params | None = None) -> Cursor:
        """Executes one statement, or, without parameters, several. Returns this cursor."""
        self._forget()
        self._keep(self.connection._execute(sql, params))
        return self

    def executemany(self, sql: str, params_seq: Iterable[Params]) -> None:
        """Executes the statement once for each row of parameters, in one pipeline. Rows it returns are dropped."""
        self._forget()
        self._row_count = self.connection._execute_many(sql, params_seq)

    def fetchone(self) -> Row | None:
        """The next row; None behind the last."""
        rows = self._fetch(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next `size` rows (`arraysize` if not given), or as many as there are."""
        return self._fetch(self.arraysize if size is None else size)

    def fetchall(self) -> list[Row]:
        """All rows that have not been fetched."""
        return self._fetch(None)

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        rows = self._fetch(1)
        if not rows:
            raise StopIteration
        return rows[0]

    def close(self) -> None:
        """Forgets the rows. The connection is not touched."""
        self._close()

    def nextset(self) -> bool | None:
        raise NotSupportedError("of several statements only the first one's rows are kept")

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def check_row_factory(row_factory: type) -> type:
    if row_factory not in (dict, tuple):
        raise ValueError(f"row_factory = {row_factory!r}: it must be dict or tuple")
    return row_factory


def begun(rows: Iterable[Params]) -> Iterator[Params] | None:
    """All of them; None if there are none, for which nobody need ask for a connection."""
    if hasattr(type(rows), "__aiter__") and not hasattr(type(rows), "__iter__"):
        raise TypeError("an asynchronous iterable can't be read here: give a list, or use AsyncPooledDatabase")
    iterator = iter(rows)
    for first in iterator:
        return itertools.chain((first,), iterator)
    return None


def describe(name: str, type_code: int, size: int, modifier: int) -> Column:
    """A column as PEP 249 has it. The modifier is the type's own (documentation of format_type)."""
    numeric, strings = 1700, (1042, 1043)
    header = 4
    precision = scale = display_size = None
    if type_code == numeric and modifier >= header:
        precision, scale = (modifier - header) >> 16, (modifier - header) & 0x7FF
    elif type_code in strings and modifier >= header:
        display_size = modifier - header
    internal_size = None if size <= _VARIABLE_LENGTH else size
    return Column(name, type_code, display_size, internal_size, precision, scale, None)
