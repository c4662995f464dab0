"""Types for values of PostgreSQL that Python does not have, and PEP 249's constructors and type objects."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, Optional, TypeVar, overload

T = TypeVar("T")


class Json:
    """A parameter to be sent as `json`. `dumps` makes its text; if not given, that of `db.types.json`."""

    def __init__(self, obj: Any, dumps: Callable[[Any], str | bytes] | None = None) -> None:
        self.obj = obj
        self.dumps = dumps

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.obj!r})"

    def __str__(self) -> str:
        text = (self.dumps or json.dumps)(self.obj)
        return text.decode() if isinstance(text, bytes) else text


class Jsonb(Json):
    """A parameter to be sent as `jsonb`."""


class Range(Generic[T]):
    """A range of PostgreSQL: two bounds, where None is infinite, and whether each bound belongs to the range.

    It is an immutable value: hashable, and equal to another with the same parts.
    """

    __slots__ = ("_bounds", "_lower", "_upper")

    def __init__(
        self,
        lower: T | None = None,
        upper: T | None = None,
        bounds: str = "[)",
        empty: bool = False,
    ) -> None:
        if bounds not in ("[)", "(]", "()", "[]"):
            raise ValueError(f"bounds = {bounds!r}: it must be '[)', '(]', '()' or '[]'")
        if empty:
            lower = upper = None
            bounds = ""
        else:
            # An infinite bound never belongs to the range.
            bounds = ("(" if lower is None else bounds[0]) + (")" if upper is None else bounds[1])
        self._lower = lower
        self._upper = upper
        self._bounds = bounds

    @property
    def lower(self) -> T | None:
        """None if the range has no lower bound, or is empty."""
        return self._lower

    @property
    def upper(self) -> T | None:
        """None if the range has no upper bound, or is empty."""
        return self._upper

    @property
    def bounds(self) -> str:
        """Two brackets, of which a square one says that the bound belongs to the range; "" for an empty range."""
        return self._bounds

    @property
    def isempty(self) -> bool:
        """Whether no value is in the range."""
        return not self._bounds

    @property
    def lower_inf(self) -> bool:
        """Whether the range has no lower bound."""
        return bool(self._bounds) and self._lower is None

    @property
    def upper_inf(self) -> bool:
        """Whether the range has no upper bound."""
        return bool(self._bounds) and self._upper is None

    @property
    def lower_inc(self) -> bool:
        """Whether the lower bound is in the range."""
        return self._bounds[:1] == "["

    @property
    def upper_inc(self) -> bool:
        """Whether the upper bound is in the range."""
        return self._bounds[1:] == "]"

    def __contains__(self, value: Any) -> bool:
        if not self._bounds:
            return False
        if self._lower is not None and (value < self._lower or (value == self._lower and not self.lower_inc)):
            return False
        return self._upper is None or bool(value < self._upper or (value == self._upper and self.upper_inc))

    def __bool__(self) -> bool:
        return bool(self._bounds)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Range):
            return NotImplemented
        return (self._lower, self._upper, self._bounds) == (other._lower, other._upper, other._bounds)

    def __hash__(self) -> int:
        return hash((self._lower, self._upper, self._bounds))

    def __repr__(self) -> str:
        if not self._bounds:
            return "Range(empty=True)"
        return f"Range({self._lower!r}, {self._upper!r}, {self._bounds!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Range, (self._lower, self._upper, self._bounds or "[)", not self._bounds)


class Multirange(Sequence[Range[T]]):
    """A multirange of PostgreSQL, from version 14 on: an immutable sequence of ranges, in the order given.

    Read from the server, the ranges are sorted, and neither overlap nor touch.
    """

    __slots__ = ("_ranges",)

    def __init__(self, ranges: Iterable[Range[T]] = ()) -> None:
        self._ranges = tuple(ranges)
        for item in self._ranges:
            if not isinstance(item, Range):
                raise TypeError(f"a multirange is made of Range objects, not of {item!r}")

    @overload
    def __getitem__(self, index: int) -> Range[T]: ...
    @overload
    def __getitem__(self, index: slice) -> Multirange[T]: ...
    def __getitem__(self, index: int | slice) -> Range[T] | Multirange[T]:
        return Multirange(self._ranges[index]) if isinstance(index, slice) else self._ranges[index]

    def __len__(self) -> int:
        return len(self._ranges)

    def __iter__(self) -> Iterator[Range[T]]:
        return iter(self._ranges)

    def __contains__(self, value: object) -> bool:
        """Whether it has this range; for any other value, whether one of its ranges contains that."""
        if isinstance(value, Range):
            return value in self._ranges
        return any(value in item for item in self._ranges)

    def __eq__(self, other: object) -> bool:
        return self._ranges == other._ranges if isinstance(other, Multirange) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._ranges)

    def __repr__(self) -> str:
        return f"Multirange({list(self._ranges)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Multirange, (self._ranges,)


class Interval(NamedTuple):
    """An interval as PostgreSQL keeps it, for `types.interval(Interval)`: a month is no number of days."""

    months: int = 0
    days: int = 0
    microseconds: int = 0


class Hstore(dict[str, Optional[str]]):
    """A value of the extension hstore, once `types.register_hstore()` was called: a dict of str, or None, by str."""


# PEP 249

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:  # noqa: N802
    """The local date of a moment in seconds since 1970."""
    return datetime.date.fromtimestamp(ticks)


def TimeFromTicks(ticks: float) -> datetime.time:  # noqa: N802
    """The local time of day of a moment in seconds since 1970."""
    return datetime.datetime.fromtimestamp(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime.datetime:  # noqa: N802
    """The local date and time of a moment in seconds since 1970."""
    return datetime.datetime.fromtimestamp(ticks)


class DBAPITypeObject:
    """Equal to the type codes, in `description`, of all PostgreSQL types of one kind."""

    def __init__(self, name: str, *type_codes: int) -> None:
        self.name = name
        self._type_codes = frozenset(type_codes)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return other in self._type_codes
        return NotImplemented if not isinstance(other, DBAPITypeObject) else self is other

    def __hash__(self) -> int:
        return hash(self._type_codes)

    def __repr__(self) -> str:
        return f"pycopg.{self.name}"


STRING = DBAPITypeObject("STRING", 18, 19, 25, 114, 1042, 1043, 3802)
BINARY = DBAPITypeObject("BINARY", 17)
NUMBER = DBAPITypeObject("NUMBER", 20, 21, 23, 26, 700, 701, 1700)
DATETIME = DBAPITypeObject("DATETIME", 1082, 1083, 1114, 1184, 1186, 1266)
ROWID = DBAPITypeObject("ROWID", 26)
