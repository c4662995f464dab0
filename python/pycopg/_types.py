"""The registry of the types of a program's own. What is decided here, the native part carries out.

See docs/adr/0054-types-are-looked-up-when-they-are-met.md.
"""

from __future__ import annotations

import datetime
import enum
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from . import _native
from ._copying import POOL, Refusal, uncopied
from .errors import ProgrammingError
from .types import Hstore, Interval

logger = logging.getLogger("pycopg")

# How often a statement is executed that names a type which is gone: each connection finds that out for itself.
MOST_ATTEMPTS = 4

E = TypeVar("E", bound=enum.Enum)

# One row for each type: those of the names, those of the numbers, and all that they are made of.
_QUESTION = """WITH RECURSIVE named(name, oid) AS MATERIALIZED (
    SELECT name, pg_catalog.to_regtype(name)::oid FROM pg_catalog.unnest(%(names)s::text[]) AS name
), ranges AS MATERIALIZED (
    SELECT rngtypid AS range, rngsubtype AS bound,
        COALESCE((pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid, 0) AS multirange
    FROM pg_catalog.pg_range AS r
), parts(whole, part) AS MATERIALIZED (
    SELECT t.oid, part FROM pg_catalog.pg_type AS t,
        LATERAL (VALUES (t.typelem), (t.typbasetype), (t.typarray)) AS own(part) WHERE part <> 0
    UNION ALL SELECT range, bound FROM ranges
    UNION ALL SELECT range, multirange FROM ranges WHERE multirange <> 0
    UNION ALL SELECT multirange, range FROM ranges WHERE multirange <> 0
), needed(oid) AS (
    SELECT oid FROM named WHERE oid IS NOT NULL
    UNION SELECT pg_catalog.unnest(%(types)s::oid[])
    UNION SELECT part.oid FROM needed CROSS JOIN LATERAL (
        SELECT part FROM parts WHERE whole = needed.oid
        UNION ALL SELECT a.atttypid FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped WHERE t.oid = needed.oid
    ) AS part(oid) WHERE part.oid >= 16384 OR needed.oid IN (SELECT oid FROM named)
)
SELECT t.oid::int8, t.typtype::text, t.typname::text,
    CASE WHEN t.typoutput = 'pg_catalog.array_out'::regproc THEN t.typelem::int8 ELSE 0 END,
    COALESCE(e.typdelim::text, ','), t.typbasetype::int8,
    COALESCE(r.bound, m.bound, 0)::int8, COALESCE(r.multirange, 0)::int8,
    ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
    ARRAY(SELECT a.atttypid::int8 FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
    ARRAY(SELECT name FROM named WHERE named.oid = t.oid)
FROM needed JOIN pg_catalog.pg_type AS t ON t.oid = needed.oid
    LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem
    LEFT JOIN ranges AS r ON r.range = t.oid LEFT JOIN ranges AS m ON m.multirange = t.oid AND t.typtype = 'm'"""


class _Known(NamedTuple):
    """A type of the database, as the question tells it. Numbers of types; 0: none."""

    oid: int
    kind: str  # pg_type.typtype
    name: str
    element: int
    delimiter: str
    base: int
    bound: int
    multirange: int
    fields: list[str]
    field_types: list[int]
    names: list[str]


# As copg::python::Dumper::How
_LABEL, _COMPOSITE, _CALL, _HSTORE = range(4)


class _Registered(NamedTuple):
    """What was registered under one name."""

    kind: str  # of the reader, or "" for text
    reader: tuple[Any, ...] = ()
    cls: type | None = None
    how: int = _CALL
    given: Any = None


# Their exact classes are sent by the native part without a look at the registry.
_SENT_NATIVELY = (
    bool, int, float, str, bytes, bytearray, memoryview, list, type(None), datetime.date, datetime.datetime,
    datetime.time, datetime.timedelta,
)  # fmt: skip

_ALIASES = {
    "bool": "boolean", "int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real",
    "float8": "double precision", "varchar": "character varying", "bpchar": "character", "decimal": "numeric",
    "timestamptz": "timestamp with time zone", "timetz": "time with time zone",
}  # fmt: skip

_DATE, _TIMESTAMP, _TIMESTAMPTZ, _INTERVAL, _JSON, _JSONB, _BOX = 1082, 1114, 1184, 1186, 114, 3802, 603
# (range, multirange) by bound
_RANGES = {
    23: (3904, 4451), 1700: (3906, 4532), _TIMESTAMP: (3908, 4533), _TIMESTAMPTZ: (3910, 4534), _DATE: (3912, 4535),
    20: (3926, 4536),
}  # fmt: skip


class Types(_native.Types):
    """What values of types become in Python, and how objects are sent: `db.types`, `conn.types`.

    All objects that share a pool have one registry. It can be changed at any time; statements that have begun keep what
    they began with. Nothing is sent by these methods: names are looked up, in one round trip, when a statement first
    needs them, and again when a type is met that is not known, or that was dropped. A name is written as in SQL,
    qualified or found on the connection's search path. One that the database does not have is logged once, and raises
    ProgrammingError when a value is to be sent as it. For any number of threads.
    """

    __reduce_ex__: Refusal = uncopied(POOL)

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._registered: dict[str, _Registered] = {}
        self._builtin: dict[int, tuple[Any, ...]] = {}  # readers of the types that PostgreSQL has
        self._known: dict[int, _Known] = {}
        self._met: set[int] = set()  # what was looked up by number
        self._missing: set[str] = set()
        self._json_dumps: Callable[[Any], str | bytes] | None = None
        self._infinite_as_max = False

    def register(
        self,
        name: str,
        cls: type | None = None,
        *,
        dumps: Callable[[Any], str | bytes] | None = None,
        loads: Callable[[str], Any] | None = None,
    ) -> None:
        """Values of this type are read by `loads`; objects of `cls`, and of classes derived from it, sent by `dumps`.

        Both speak the type's text, as in SQL: `loads(text)` gives the object, `dumps(obj)` a str, or its UTF-8. Arrays
        of the type, and domains over it, follow. An Enum needs neither: see `register_enum`. Without `loads` values
        are str, as before, and arrays of them become lists: `register("citext")`. What `loads` raises becomes the cause
        of a DataError that names row, column and type; what `dumps` raises, of one that names the parameter.
        """
        if isinstance(cls, type) and issubclass(cls, enum.Enum) and dumps is None and loads is None:
            return self.register_enum(name, cls)
        if (cls is None) != (dumps is None):
            raise ProgrammingError("a class and its dumps go together")
        if cls is not None:
            refuse_native(cls)
        reader = () if loads is None else (loads,)
        return self._add(name, _Registered("" if loads is None else "call", reader, cls, _CALL, dumps))

    def register_enum(self, name: str, cls: type[E], mapping: Mapping[E, str] | None = None) -> None:
        """Labels of this enum are members of `cls`, and the other way round.

        A member's label is its name; of a class that is also a str, its value; or what `mapping` says. A label without
        a member is a DataError.
        """
        if mapping is None:
            by_value = issubclass(cls, str)
            labels = {member: str(member.value) if by_value else member.name for member in cls}
        else:
            labels = dict(mapping)
        members = {label: member for member, label in labels.items()}
        self._add(name, _Registered("enum", (members, cls), cls, _LABEL, labels))

    def register_composite(
        self, name: str, cls: Callable[..., Any], *, dumps: Callable[[Any], Sequence[Any]] | None = None
    ) -> None:
        """Values of this composite type, or rows of this table, are objects of `cls`, and the other way round.

        `cls`: a dataclass, a named tuple, any class or function that takes the fields by keyword, or `tuple` or `dict`,
        which are read only. An object is sent as its attributes of the fields' names, a tuple as its items, or as the
        values that `dumps(obj)` gives.
        """
        sent = isinstance(cls, type) and cls not in (tuple, dict)
        if sent and isinstance(cls, type):
            refuse_native(cls)
        self._add(
            name, _Registered("composite", (cls,), cls if isinstance(cls, type) and sent else None, _COMPOSITE, dumps)
        )

    def register_range(self, name: str) -> None:
        """Values of this range type are Range objects, those of its multirange type Multirange objects.

        A Range is sent without a type, unless its bounds are those of a range type that PostgreSQL has.
        """
        self._add(name, _Registered("range"))

    def register_hstore(self, name: str = "hstore") -> None:
        """Values of this type are Hstore objects, which are dicts, and those are sent as it."""
        self._add(name, _Registered("hstore", (Hstore,), Hstore, _HSTORE, None))

    def json(
        self,
        *,
        dumps: Callable[[Any], str | bytes] | None = None,
        loads: Callable[[str], Any] | None = None,
    ) -> None:
        """json and jsonb are read by `loads`, and dicts and Json objects without a dumps of their own sent by `dumps`.

        None: by the module json.
        """
        with self._lock:
            self._json_dumps = dumps
            for oid in (_JSON, _JSONB):
                self._read_builtin(oid, None if loads is None else ("call", loads))
            self._rebuild()

    def infinity(self, choice: Literal["error", "max", "text"]) -> None:
        """What `infinity` is as a date or datetime: a DataError, as at first; the largest one there is; or the text.

        With "max", `date.max` and `datetime.max` are also sent as infinity, `date.min` and `datetime.min` as -infinity.
        """
        kinds = {"error": None, "max": ("max",), "text": ("infinity",)}
        if choice not in kinds:
            raise ValueError(f"infinity({choice!r}): it must be 'error', 'max' or 'text'")
        with self._lock:
            self._infinite_as_max = choice == "max"
            for oid in (_DATE, _TIMESTAMP, _TIMESTAMPTZ):
                self._read_builtin(oid, kinds[choice])
            self._rebuild()

    def interval(self, cls: type[datetime.timedelta] | type[Interval]) -> None:
        """What an interval becomes: a timedelta, as at first, or an Interval, which keeps months as months."""
        if cls not in (datetime.timedelta, Interval):
            raise ValueError(f"interval({cls!r}): it must be datetime.timedelta or pycopg.types.Interval")
        with self._lock:
            self._read_builtin(_INTERVAL, ("parts",) if cls is Interval else None)
            self._rebuild()

    def _sends_otherwise(self, types: list[int]) -> bool:
        """Whether values for columns of these types are not sent as without a registry."""
        return self._infinite_as_max and not {_DATE, _TIMESTAMP, _TIMESTAMPTZ}.isdisjoint(types)

    def _add(self, name: str, registered: _Registered) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a type must be a str, not {name!r}")
        with self._lock:
            self._registered[name] = registered
            self._missing.discard(name)
            self._rebuild()
            self._stale = self._stale or name not in self._builtin_names()

    def _builtin_names(self) -> dict[str, int]:
        return {name: oid for name in self._registered if (oid := builtin(name))}

    def _read_builtin(self, oid: int, kind: tuple[Any, ...] | None) -> None:
        if kind is None:
            self._builtin.pop(oid, None)
        else:
            self._builtin[oid] = kind

    def _question(self, types: Iterable[int]) -> tuple[str, dict[str, list[Any]]]:
        """What to ask the server to find the names, and these types that were met."""
        with self._lock:
            self._met.update(types)
            return _QUESTION, {"names": self._names(), "types": list(self._met)}

    def _names(self) -> list[str]:
        """Those to be looked up."""
        known = self._builtin_names()
        return [name for name in self._registered if name not in known]

    def _answer(self, parameters: dict[str, list[Any]], rows: list[tuple[Any, ...]]) -> None:
        with self._lock:
            known = {row[0]: _Known(*row) for row in rows}
            # Another thread may have asked for more meanwhile, and have its answer already.
            self._stale = not set(self._names()) <= set(parameters["names"])
            if self._stale or not self._met <= set(parameters["types"]):
                known = {**self._known, **known}
            self._known = known
            found = {name for known in self._known.values() for name in known.names}
            missing = set(parameters["names"]) - found
            told = sorted(missing - self._missing)
            self._missing = missing
            self._rebuild()
        if told:
            logger.warning("types that are registered, and that the database does not have: %s", ", ".join(told))

    def _rebuild(self) -> None:
        own = {oid: name for name, oid in self._builtin_names().items()}
        own.update({known.oid: name for known in self._known.values() for name in known.names})
        numbers = {name: oid for oid, name in own.items()}
        for known in self._known.values():  # two names of one type
            numbers.update(dict.fromkeys(known.names, known.oid))
        readers = self._builtin_readers()
        for oid, name in own.items():
            self._read(oid, name, readers)
        for oid in self._known:
            self._derive(oid, readers)
        dumpers = {}
        for name, registered in self._registered.items():
            if registered.cls is not None:
                oid = numbers.get(name, 0)
                given = registered.given
                if registered.how == _COMPOSITE and given is None:
                    given = tuple(self._known[oid].fields) if oid in self._known else ()
                dumpers[registered.cls] = (registered.how, given, name, oid)
        self._set(
            readers, dumpers, self._met - readers.keys(), self._json_dumps, self._infinite_as_max,
            len(self._registered) > len(self._builtin_names()),
        )  # fmt: skip

    def _read(self, oid: int, name: str, readers: dict[int, tuple[Any, ...]]) -> None:
        """How values of a registered type are read."""
        registered = self._registered[name]
        known = self._known.get(oid)
        if registered.kind == "composite":
            if known is None or not known.fields:
                return
            cls = registered.reader[0]
            names = None if cls is tuple else tuple(known.fields)
            readers[oid] = (name, "composite", cls, names, known.field_types)
        elif registered.kind == "range":
            if known is not None and known.bound:
                readers[oid] = (name, "range", known.bound)
                if known.multirange:
                    readers[known.multirange] = (f"the multirange of {name}", "multirange", known.bound)
        elif registered.kind:
            readers[oid] = (name, registered.kind, *registered.reader)
        elif known is not None and known.base:
            readers[oid] = (name, "same", known.base)
        else:
            readers[oid] = (name, "text")
        if known is None:  # one that PostgreSQL has
            add_derived(oid, name, readers)

    def _derive(self, oid: int, readers: dict[int, tuple[Any, ...]]) -> bool:
        """Finds how values of an array or a domain are read. False: as text, as without a registry."""
        if oid in readers:
            return True
        known = self._known.get(oid)
        if known is None:
            return oid < _FIRST_OWN
        if known.base:
            if self._derive(known.base, readers):
                readers[oid] = (known.name, "same", known.base)
        elif known.element and known.element != oid and self._derive(known.element, readers):
            readers[oid] = (known.name, "array", known.element, known.delimiter)
        return oid in readers

    def _builtin_readers(self) -> dict[int, tuple[Any, ...]]:
        readers: dict[int, tuple[Any, ...]] = {}
        for oid, kind in self._builtin.items():
            name = _native.type_name(oid)
            readers[oid] = (name, *kind)
            add_derived(oid, name, readers)
        return readers


_FIRST_OWN = 16384  # numbers from here on are those of a database's own types


def add_derived(oid: int, name: str, readers: dict[int, tuple[Any, ...]]) -> None:
    """The arrays, ranges and multiranges that PostgreSQL has over one of its types."""
    if array := _native.array_of(oid):
        readers[array] = (f"{name}[]", "array", oid, ";" if oid == _BOX else ",")
    for derived, kind in zip(_RANGES.get(oid, ()), ("range", "multirange")):
        readers[derived] = (_native.type_name(derived), kind, oid)
        readers[_native.array_of(derived)] = (f"{_native.type_name(derived)}[]", "array", derived, ",")


def builtin(name: str) -> int:
    """The number of a type that PostgreSQL has, by its name; 0: it is another."""
    name = name.strip().lower().removeprefix("pg_catalog.")
    return _native.builtin_types().get(_ALIASES.get(name, name), 0)


def refuse_native(cls: type) -> None:
    if cls in _SENT_NATIVELY or not isinstance(cls, type):
        raise ProgrammingError(f"{cls!r}: how its objects are sent can't be changed: derive a class from it")


def lost_type(error: Exception) -> bool:
    """Whether the server says that a type, which a parameter was sent as, is gone."""
    return str(error).startswith(("cache lookup failed for type ", "type with OID "))
