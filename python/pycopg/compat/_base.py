"""What the four pools have in common: options, attributes, statistics. The pool of copg below them decides all."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import math
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ._config import FIELDS, OF_PSYCOPG, config_of, manners_of
from ._connection import Connection
from ._errors import closed_error
from ._manners import Manners
from ._values import row_kind

_numbers = itertools.count(1)
_MEASURES = ("pool_min", "pool_max", "pool_size", "pool_available", "requests_waiting")
_COUNTERS = (
    *("requests_num", "requests_queued", "requests_wait_ms", "requests_errors", "usage_ms", "returns_bad"),
    *("connections_num", "connections_ms", "connections_errors", "connections_lost"),
)
_NO_LIMIT = 10_000  # connections of a NullConnectionPool without max_size


class BasePool:
    """psycopg_pool's attributes, and the pool of copg below them."""

    _is_null = False
    _connection_kind: Any
    _theirs: str
    """The name of the class of psycopg's connections."""

    def __init__(self, database_class: Any, arguments: dict[str, Any]) -> None:
        """`arguments`: those of psycopg_pool's constructors."""
        min_size, max_size = self._sizes(arguments["min_size"], arguments["max_size"])
        if arguments["num_workers"] < 1:
            raise ValueError("num_workers must be at least 1")
        self.conninfo: str = arguments["conninfo"]
        self.kwargs: Any = arguments["kwargs"]
        self.connection_class: Any = self._class_of(arguments["connection_class"])
        self.name: str = arguments["name"] or f"pool-{next(_numbers)}"
        self.close_returns: bool = bool(arguments["close_returns"]) and not self._is_null
        self.timeout: float = arguments["timeout"]
        self.max_waiting: int = arguments["max_waiting"]
        self.max_lifetime: float = arguments["max_lifetime"]
        self.max_idle: float = arguments["max_idle"]
        self.reconnect_timeout: float = arguments["reconnect_timeout"]
        self.num_workers: int = arguments["num_workers"]
        self._popped = dict.fromkeys(_COUNTERS, 0)
        self._is_open = self._has_closed = False
        self._check = arguments["check"]
        self._manners = Manners()
        self._db = database_class(**self._options(arguments, min_size, max_size))

    @property
    def types(self) -> Any:
        """The registry of pycopg: the types of the program's own."""
        return self._db.types

    @property
    def min_size(self) -> int:
        return int(self._db.stats["pool_min"])

    @property
    def max_size(self) -> int:
        """0: no limit, in a null pool."""
        limit = int(self._db.stats["pool_max"])
        return 0 if self._is_null and limit == _NO_LIMIT else limit

    @property
    def closed(self) -> bool:
        return not self._is_open

    def get_stats(self) -> dict[str, int]:
        """psycopg_pool's statistics. Those of pycopg are more: `pool._db.stats`."""
        stats = self._stats()
        return {**stats, **{name: stats[name] - self._popped[name] for name in _COUNTERS}}

    def pop_stats(self) -> dict[str, int]:
        """As `get_stats`; the counters begin again at 0."""
        stats = self.get_stats()
        for name in _COUNTERS:
            self._popped[name] += stats[name]
        return stats

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} {self.name!r} at 0x{id(self):x}>"

    def _stats(self) -> dict[str, int]:
        stats = self._db.stats
        return {**{name: int(stats[name]) for name in (*_MEASURES, *_COUNTERS)}, "pool_max": self.max_size}

    def _options(self, arguments: dict[str, Any], min_size: int, max_size: int) -> dict[str, Any]:
        conninfo, kwargs = arguments["conninfo"], arguments["kwargs"]
        if callable(kwargs):
            keywords: dict[str, Any] = {}
        else:
            keywords = dict(kwargs or {})
        self._manners, options = manners_of(keywords)
        asked = callable(conninfo) or callable(kwargs)
        if asked:
            options["credentials"] = self._asking(conninfo, kwargs, keywords)
        options["config"] = config_of("" if callable(conninfo) else conninfo, keywords)
        connect_timeout = options["config"].options.pop("connect_timeout", None)
        if connect_timeout is not None:
            options["connect_timeout"] = float(connect_timeout) or math.inf
        for name, callback in (("configure", "_configure_with"), ("reset", "_reset_with")):
            if arguments[name] is not None:
                # The pool of copg must not keep this object.
                weak, function = weakref.WeakMethod(getattr(self, callback)), arguments[name]
                options["on_return" if name == "reset" else name] = _given_to(weak, function)
        if arguments["reconnect_failed"] is not None:
            options["reconnect_failed"] = self._telling(arguments["reconnect_failed"])
        options.update(
            min_size=min_size,
            max_size=max_size,
            max_idle=self.max_idle,
            max_lifetime=self.max_lifetime,
            timeout=self.timeout,
            num_workers=self.num_workers,
            reconnect_timeout=self.reconnect_timeout,
            name=self.name,
            max_waiting=self.max_waiting,
            check=self._check,
            row_factory=row_kind(self._manners.row_factory),
        )
        return options

    def _sizes(self, min_size: int, max_size: int | None) -> tuple[int, int]:
        """As psycopg_pool judges them."""
        given = min_size if max_size is None else max_size
        if min_size < 0:
            raise ValueError("min_size cannot be negative")
        if self._is_null and min_size != 0:
            raise ValueError("null pools must have min_size = 0")
        if given < min_size:
            raise ValueError("max_size must be greater or equal than min_size")
        if given == 0 and not self._is_null:
            raise ValueError("if min_size is 0 max_size must be greater than 0")
        return min_size, given or _NO_LIMIT

    def _class_of(self, given: Any) -> Any:
        """The class of connections. TypeError for one that is not pycopg's."""
        given = getattr(given, "__origin__", given)
        if given is None or (given.__module__.partition(".")[0] == "psycopg" and given.__name__ == self._theirs):
            return self._connection_kind
        if isinstance(given, type) and issubclass(given, self._connection_kind):
            return given
        raise TypeError(
            f"connection_class = {given!r}: it must derive from pycopg.compat.psycopg_pool.{self._theirs}, "
            "since pycopg makes the connections"
        )

    def _check_open(self) -> None:
        if self._is_open:
            return
        state = "is already closed" if self._has_closed else "is not open yet"
        raise closed_error(f"the pool {self.name!r} {state}")

    def _refuse_reuse(self) -> None:
        if self._has_closed:
            raise closed_error("pool has already been opened/closed and cannot be reused")

    def _made(self, timeout: float | None) -> Any:
        """A connection that is to be leased."""
        self._check_open()
        limit = self.timeout if timeout is None else timeout
        return self.connection_class(self._db, limit, self._manners.autocommit, row_kind(self._manners.row_factory))

    def _new_manners(self) -> Manners:
        return replace(self._manners)

    def _returned(self, connection: Any) -> None:
        pool = getattr(connection, "_pool", None)
        if pool is not self:
            where = "it doesn't come from any pool" if pool is None else f"it comes from pool {pool.name!r}"
            raise ValueError(f"can't return connection to pool {self.name!r}, {where}: {connection}")
        connection._leave(discard=self._is_null)

    def _configure_with(self, function: Callable[[Any], Any], lent: Any) -> None:
        """Calls the program's `configure`. How it leaves the connection is how others of the pool begin."""
        connection = self._borrowed(lent, self._manners)
        self._call(function, connection)
        self._manners = connection.manners()
        connection._next.drop(connection)

    def _reset_with(self, function: Callable[[Any], Any], lent: Any) -> None:
        connection = self._borrowed(lent, self._manners)
        self._call(function, connection)
        connection._next.drop(connection)

    def _borrowed(self, lent: Any, manners: Manners) -> Connection:
        """The connection that `configure` or `reset` is given, with psycopg's manners."""
        connection: Connection = lent
        connection._given = replace(manners)
        connection.autocommit = manners.autocommit
        return connection

    def _call(self, function: Callable[[Any], Any], connection: Connection) -> None:
        function(connection)

    def _asking(self, conninfo: Any, kwargs: Any, keywords: Mapping[str, Any]) -> Callable[[], Any]:
        """What pycopg asks before each connect: the connection string and keywords, if they are functions.

        Those of an asynchronous pool may be coroutine functions; pycopg has an event loop for what it asks.
        """

        async def ask() -> dict[str, str]:
            text = await _value(conninfo() if callable(conninfo) else conninfo)
            given = await _value(kwargs() if callable(kwargs) else keywords)
            config = config_of(text, {name: it for name, it in given.items() if name not in OF_PSYCOPG})
            fields = {name: str(getattr(config, field)) for name, field in FIELDS.items()}
            return {**fields, **{name: str(value) for name, value in config.options.items()}}

        return ask

    def _telling(self, function: Callable[[Any], object]) -> Callable[[Any], object]:
        weak = weakref.ref(self)

        def tell(_: Any) -> None:
            pool = weak()
            answer = None if pool is None else function(pool)
            if inspect.isawaitable(answer):  # an asynchronous pool's; this thread has no event loop yet
                asyncio.run(_value(answer))

        return tell


async def _value(given: Any) -> Any:
    return await given if inspect.isawaitable(given) else given


def _given_to(weak: weakref.WeakMethod[Any], function: Callable[[Any], Any]) -> Callable[[Any], None]:
    def call(lent: Any) -> None:
        method = weak()
        if method is not None:
            method(function, lent)

    return call
