"""Values between Django and pycopg: what Django's backend for PostgreSQL has psycopg do with them.

Django's fields know psycopg's classes (Range, Jsonb, Int4), read jsonb and inet as text, and want timestamps in the
time zone of their database.
"""

from __future__ import annotations

import datetime
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.apps import apps
from psycopg.types import json as theirs
from psycopg.types.numeric import Int2, Int4, Int8
from psycopg.types.range import Range as TheirRange

from .. import _native
from .._psycopgs import json_of
from ..errors import ProgrammingError
from ..sql import _composed
from ..types import Hstore, Range

Loads = Callable[[str], Any]

_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?$"
)
_BOUND = r'((?:"(?:[^"\\]|\\.|"")*")|[^,)\]]*)'
_RANGE = re.compile(rf"([\[(]){_BOUND},{_BOUND}([\])])$")
_ESCAPED = re.compile(r'\\(.)|"(")')

_OF_FIELDS = (Int2, Int4, Int8)  # what Django's fields make of whole numbers
# Their exact classes need no look: pycopg sends them as psycopg does.
_NATIVE = {
    bool, bytes, datetime.date, datetime.datetime, datetime.time, datetime.timedelta, int, str, type(None)
}  # fmt: skip


def text_of(query: Any, with_parameters: bool) -> str:
    """The SQL of what a cursor was given: a str, or what pycopg.sql or psycopg.sql have put together."""
    if isinstance(query, str):
        return query
    if hasattr(query, "as_bytes"):  # psycopg.sql.Composable
        return str(query.as_string(None))
    text, parameters = _composed(query, () if with_parameters else None)
    if parameters:
        raise ProgrammingError("a template string with parameters is for pycopg's own connections")
    return text


def composed(query: Any, parameters: Sequence[Any] | Mapping[str, Any] | None) -> str:
    """The SQL with its parameters in it, as constants. Without any (None) the text stays as it is."""
    text = text_of(query, parameters is not None)
    if parameters is None:
        return text
    constants: Any
    if isinstance(parameters, Mapping):
        constants = {name: literal(value) for name, value in parameters.items()}
    else:
        constants = tuple([literal(value) for value in parameters])
    try:
        filled: str = text % constants
    except (KeyError, TypeError, ValueError) as error:
        raise ProgrammingError(f"the parameters do not fit the placeholders of the statement: {error}") from error
    return filled


def literal(value: Any) -> str:
    """A value as a constant of SQL, as psycopg writes it."""
    if type(value) in _NATIVE:
        return _native.literal(value)
    if isinstance(value, (float, Decimal)):
        text = str(value)
        return _native.literal(value) if text[-1].isalpha() else f" {text}" if text[0] == "-" else text
    value = adapted(value)
    if isinstance(value, Hstore):
        return f"{_native.literal(_hstore(value))}::hstore"
    return _native.literal(value)


def adapted(value: Any, inside: bool = False) -> Any:
    """The value that pycopg sends as psycopg sends this one. `inside`: of a list."""
    kind = type(value)
    if inside and isinstance(value, _OF_FIELDS):
        return str(value)  # an array whose type the server infers: that of the field, not the smallest
    if kind in _NATIVE:
        return value
    if isinstance(value, list):
        return [adapted(element, True) for element in value]
    if isinstance(value, TheirRange):
        return _range(value)
    if kind is dict and apps.is_installed("django.contrib.postgres"):
        return _hstore(value) if inside else Hstore(value)
    return json_of(theirs, value)


def adapted_all(parameters: Sequence[Any] | Mapping[str, Any] | None) -> Any:
    if parameters is None:
        return None
    if isinstance(parameters, Mapping):
        return {name: adapted(value) for name, value in parameters.items()}
    return [adapted(value) for value in parameters]


def _range(value: TheirRange[Any]) -> Range[Any]:
    if value.isempty:
        return Range(empty=True)

    def bound(it: Any) -> Any:
        # Django's timestamps are all with time zone: one without is left to the server, which knows the session's.
        return str(it) if isinstance(it, datetime.datetime) and it.tzinfo is None else adapted(it)

    return Range(bound(value.lower), bound(value.upper), value.bounds)


def _hstore(value: Mapping[str, str | None]) -> str:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return ",".join(f"{quoted(key)}=>{'NULL' if it is None else quoted(it)}" for key, it in value.items())


_lock = threading.Lock()
_ZONE = "_django_timezone"  # an attribute of a registry: the time zone that its values were prepared for


def prepare_types(types: Any, timezone: datetime.tzinfo | None) -> None:
    """Sets what the values of a pool become. `timezone`: that of timestamps; None: they have none."""
    if getattr(types, _ZONE, _lock) is not timezone:
        with _lock:
            if getattr(types, _ZONE, _lock) is not timezone:
                _register(types, timezone)
                setattr(types, _ZONE, timezone)


def _register(types: Any, timezone: datetime.tzinfo | None) -> None:
    for name in ("jsonb", "inet", "cidr"):
        types.register(name)
    stamp = _stamps_in(timezone)
    if hasattr(types, _ZONE) or timezone is not datetime.timezone.utc:  # which is read natively at first, and faster
        types.register("timestamptz", loads=stamp)
    bounds: dict[str, Loads] = {
        "int4range": int,
        "int8range": int,
        "numrange": Decimal,
        "daterange": datetime.date.fromisoformat,
        "tsrange": _stamps_in(None),
        "tstzrange": stamp,
    }
    for name, loads in bounds.items():  # after the types of their bounds
        types.register(name, loads=_ranges_of(loads))


def _stamps_in(timezone: datetime.tzinfo | None) -> Loads:
    def loads(text: str) -> datetime.datetime:
        found = _STAMP.match(text)
        if found is None:
            raise ValueError(f"{text!r} is no timestamp that Python has")
        year, month, day, hour, minute, second = map(int, found.groups()[:6])
        fraction, sign, hours, minutes, seconds = found.groups()[6:]
        made = datetime.datetime(year, month, day, hour, minute, second, int((fraction or "").ljust(6, "0")))
        if timezone is None or sign is None:
            return made
        offset = datetime.timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
        zone = datetime.timezone(-offset if sign == "-" else offset)
        return made.replace(tzinfo=zone).astimezone(timezone)

    return loads


def _ranges_of(loads: Loads) -> Loads:
    def bound(text: str) -> Any:
        if text.startswith('"'):
            text = _ESCAPED.sub(r"\1\2", text[1:-1])
        return loads(text) if text else None

    def read(text: str) -> TheirRange[Any]:
        if text == "empty":
            return TheirRange(empty=True)
        found = _RANGE.match(text)
        if found is None:
            raise ValueError(f"{text!r} is no range")
        opening, lower, upper, closing = found.groups()
        return TheirRange(bound(lower), bound(upper), opening + closing)

    return read
