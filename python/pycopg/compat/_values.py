"""What a program that uses psycopg gives: row factories, composed SQL, JSON in wrappers."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .. import rows
from .._psycopgs import json_of

_NATIVE: dict[str, Callable[..., Any]] = {
    "tuple_row": tuple,
    "dict_row": dict,
    "scalar_row": rows.scalar,
    "namedtuple_row": rows.namedtuple,
}
_TUPLES_OK = 2


@functools.lru_cache(256)
def row_kind(factory: Any) -> Callable[..., Any]:
    """What pycopg makes of a row for a row factory of psycopg's kind: a function of a cursor, which makes a function.

    Those of psycopg.rows that pycopg has, too, are its own. Any other is shown the names of the columns.
    """
    if factory in (dict, tuple):
        return factory  # type: ignore[no-any-return]
    if getattr(factory, "__module__", None) == "psycopg.rows" and factory.__qualname__ in _NATIVE:
        return _NATIVE[factory.__qualname__]
    if not callable(factory):
        raise TypeError(f"row_factory = {factory!r}: it must be a function, as psycopg.rows has them")
    make: Any = factory
    makers: dict[tuple[str, ...], Callable[[tuple[Any, ...]], Any]] = {}

    def row(**columns: Any) -> Any:
        names = tuple(columns)
        if names not in makers:
            makers[names] = make(Described(names))
        return makers[names](tuple(columns.values()))

    return row


class Described:
    """A cursor, as a row factory looks at it: it knows the names of the columns."""

    _encoding = "utf-8"
    status = _TUPLES_OK

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    @property
    def pgresult(self) -> Described:
        return self

    @property
    def nfields(self) -> int:
        return len(self._names)

    def fname(self, index: int) -> bytes:
        return self._names[index].encode()

    @property
    def description(self) -> list[tuple[Any, ...]]:
        """PEP 249's, of which only the names are known."""
        return [(name, None, None, None, None, None, None) for name in self._names]


def text_of(query: Any) -> Any:
    """SQL as pycopg takes it. Objects of psycopg.sql become text."""
    if isinstance(query, bytes):
        return query.decode()
    composable = getattr(sys.modules.get("psycopg.sql"), "Composable", None)
    return query.as_string(None) if composable is not None and isinstance(query, composable) else query


def values_of(params: Any) -> Any:
    """Parameters as pycopg takes them. psycopg's Json and Jsonb, which are no part of another value, become its own."""
    theirs = sys.modules.get("psycopg.types.json")
    if theirs is None or not params:
        return params
    if isinstance(params, Mapping):
        return {name: json_of(theirs, value) for name, value in params.items()}
    if isinstance(params, Iterable) and not isinstance(params, (str, bytes)):
        return [json_of(theirs, value) for value in params]
    return params


def rows_of(params_seq: Iterable[Any]) -> Iterator[Any]:
    return map(values_of, params_seq)
