"""The base of all cursors: PEP 249's access to the rows of a statement."""

from __future__ import annotations

import itertools
import logging
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from . import _native
from ._copying import LEASE, uncopied
from ._native_types import Params, Row
from .errors import InterfaceError, ProgrammingError

logger = logging.getLogger("pycopg")

_VARIABLE_LENGTH = -1
_told_of_listen: weakref.WeakSet[_native.AnyPool] = weakref.WeakSet()


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
    """Keeps the rows of the last statement, and how many of them have been fetched."""

    __reduce_ex__ = uncopied(LEASE)

    arraysize = 1
    connection: Any

    def __init__(self, row_factory: type) -> None:
        self.row_factory = check_row_factory(row_factory)
        self._rows: _native.ResultRows | None = None
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
        """The number of rows returned or affected; -1 if the statement does neither, or none was executed."""
        return self._row_count

    @property
    def rownumber(self) -> int | None:
        """The index of the next row; None if the statement returns none."""
        return self._next if self._rows is not None and self._rows.returns_rows else None

    @property
    def statusmessage(self) -> str | None:
        """The command tag that the server sent, such as "INSERT 0 1"."""
        return None if self._rows is None else self._rows.status

    @property
    def closed(self) -> bool:
        return self._closed

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """PEP 249 requires it; it does nothing."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """PEP 249 requires it; it does nothing."""

    def _forget(self) -> None:
        if self._closed:
            raise InterfaceError("this cursor is closed")
        self._rows = None
        self._row_count = -1
        self._next = 0

    def _keep(self, rows: _native.ResultRows) -> None:
        self._rows = rows
        self._row_count = rows.row_count
        if rows.is_listen:
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


def listened(pool: _native.AnyPool) -> None:
    """Warns, once for each pool, that LISTEN was executed and that its notifications are dropped."""
    if pool not in _told_of_listen:
        _told_of_listen.add(pool)
        text = "%r: LISTEN on a connection of the pool hears nothing, notifications are dropped: use one of your own"
        logger.warning(text, pool)


def check_row_factory(row_factory: type) -> type:
    if row_factory not in (dict, tuple):
        raise ValueError(f"row_factory = {row_factory!r}: it must be dict or tuple")
    return row_factory


def begun(rows: Iterable[Params]) -> Iterator[Params] | None:
    """Returns an iterator over all rows, or None if there are none, so that no connection needs to be leased."""
    iterator = _native.iterator_of(rows)
    for first in iterator:
        return itertools.chain((first,), iterator)
    return None


def describe(name: str, type_code: int, size: int, modifier: int) -> Column:
    """Makes PEP 249's description of a column. `modifier` is the type's own (PostgreSQL's format_type)."""
    numeric, strings = 1700, (1042, 1043)
    header = 4
    precision = scale = display_size = None
    if type_code == numeric and modifier >= header:
        precision, scale = (modifier - header) >> 16, (modifier - header) & 0x7FF
    elif type_code in strings and modifier >= header:
        display_size = modifier - header
    internal_size = None if size <= _VARIABLE_LENGTH else size
    return Column(name, type_code, display_size, internal_size, precision, scale, None)
