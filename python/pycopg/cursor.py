"""The base of all cursors: PEP 249's access to the rows of a statement."""

from __future__ import annotations

import itertools
import logging
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from . import _native
from ._copying import LEASE, Refusal, uncopied
from ._native_types import Params

logger: logging.Logger = logging.getLogger("pycopg")

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


class Notice(NamedTuple):
    """What the server has said beside its answer (RAISE NOTICE, a warning)."""

    severity: str
    """NOTICE, WARNING, INFO, LOG or DEBUG, in English."""
    sqlstate: str | None
    message: str
    detail: str | None
    hint: str | None
    context: str | None
    """Where it was raised: the call stack of functions."""


class BaseCursor(_native.Cursor):
    """Keeps the rows of the last statement, and how many of them have been fetched."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    @property
    def description(self) -> list[Column] | None:
        """The columns of the rows; None if the statement returns none."""
        columns = self._columns()
        return None if columns is None else [describe(*column) for column in columns]

    @property
    def notices(self) -> list[Notice]:
        """What the server has said beside the rows of the last statement: its first 1,000 notices, in their order."""
        return [Notice(*fields) for fields in self._notices()]

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """PEP 249 requires it; it does nothing."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """PEP 249 requires it; it does nothing."""


def listened(pool: _native.AnyPool) -> None:
    """Warns, once for each pool, that LISTEN was executed and that its notifications are dropped."""
    if pool not in _told_of_listen:
        _told_of_listen.add(pool)
        text = "%r: LISTEN on a connection of the pool hears nothing, notifications are dropped: use db.listen()"
        logger.warning(text, pool)


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
