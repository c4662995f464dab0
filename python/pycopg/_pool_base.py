"""The base of both pools. It keeps the options that Python needs, and prepares those of the native pool."""

from __future__ import annotations

import inspect
import os
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from . import _native
from ._copying import POOL, Refusal, uncopied
from ._events import Hooks, in_detail
from ._holdings import LeaseInfo, WaiterInfo
from ._monitor import Monitor, close_all, monitor
from ._run import Inside
from ._types import Types
from .config import Config, native_config
from .errors import InterfaceError
from .metrics import PoolMetrics, SizeAdvice, metrics_of

if TYPE_CHECKING:
    from typing import Literal

    from typing_extensions import Concatenate, ParamSpec

    Reset = Literal["tracked", "full", "rollback"]
    Role = Literal["primary", "replica", "any"]
    IfUnfit = Literal["wait", "primary", "fail"]
    Prepare = Literal["auto", "on", "off"]
    Options = ParamSpec("Options")

Pool = TypeVar("Pool")
Leased = TypeVar("Leased", bound=_native.AnyConnection)


class NoReplica(InterfaceError, AttributeError):
    """A pool of one host has no `replica`. Who asks for all attributes of an object, as autospec does, can go on."""


def replica_of(pool: Any) -> Any:
    try:
        return pool.on("replica")
    except InterfaceError as error:
        if pool._routed:
            raise
        raise NoReplica(*error.args) from None


class PoolBase:
    """What a pool keeps in Python: its configuration, the user's functions, and the defaults of its connections."""

    __reduce_ex__: Refusal = uncopied(POOL)

    if TYPE_CHECKING:
        config: Config
        _check: Any
        _timeout: float
        _autocommit: bool
        _row_factory: Callable[..., Any]
        _inside: Inside
        _monitors: list[Monitor]
        _routed: bool

    @property
    def types(self: Any) -> Types:
        """The types of the program's own: what their values become, and how its classes are sent.

        All objects that share this pool have the same.
        """
        types: Types = self._types
        return types

    @property
    def name(self: Any) -> str:
        """What the pool is called in messages: the option `name`, or the database's name."""
        name: str = self._name
        return name

    def leases(self: Any) -> list[LeaseInfo]:
        """Who has the connections: the leases of this moment, the oldest first.

        Does not wait, and disturbs none of them. In a closed pool: those that were not given back.
        """
        return [LeaseInfo(*lease) for lease in self._leases()]

    def waiters(self: Any) -> list[WaiterInfo]:
        """Who waits for a connection, from the front of the queue. Does not wait."""
        return [WaiterInfo(*waiter) for waiter in self._waiters()]

    def metrics(self: Any) -> PoolMetrics:
        """Returns one snapshot of what the pool has measured: histograms of times, and counters by reason.

        It does not block. Times are in seconds.
        """
        return metrics_of(self._metrics())

    def advise(self, target: float = 0.01) -> SizeAdvice:
        """Judges the pool's size by what it has measured since it was made: see `PoolMetrics.advise`."""
        return self.metrics().advise(target)

    def monitor(
        self: Any,
        port: int | None = 0,
        *,
        address: str = "127.0.0.1",
        token: str = "",
        show_texts: bool = True,
        unix_socket: bool = True,
        program: str | None = None,
        held_idle_after: float = 1.0,
        unhealthy_wait: float = 5.0,
    ) -> Monitor:
        """Shows this pool on a page, until the pool or the monitor is closed: see `pycopg.monitor`.

        The pool must be open. It does not block.
        """
        made = monitor(
            self,
            port=port,
            address=address,
            token=token,
            show_texts=show_texts,
            unix_socket=unix_socket,
            program=program,
            held_idle_after=held_idle_after,
            unhealthy_wait=unhealthy_wait,
        )
        made._end_with(self)
        self._monitors[:] = [one for one in self._monitors if one._is_open()] + [made]
        return made

    def _end_monitors(self) -> None:
        close_all(self._monitors)

    def _keep(self, arguments: dict[str, Any]) -> tuple[Any, ...]:
        """Keeps the options that Python needs. Returns the arguments for the native pool's constructor."""
        if isinstance(arguments["config"], _native.AnyPool):
            return (self._share(arguments["config"], arguments),)
        self._monitors = []
        self.config = arguments["config"]
        self._reconnect_failed = plain_function("reconnect_failed", arguments)
        self._configure = plain_function("configure", arguments)
        self._on_return = plain_function("on_return", arguments)
        self._before_close = plain_function("before_close", arguments)
        # An event loop of its own awaits what it gives (_callbacks.py).
        self._credentials = function_of("credentials", arguments)
        self._hooks = Hooks(arguments["observer"])
        arguments["hooks"] = self._hooks.names
        arguments["log_in_detail"] = in_detail()
        self._timeout = arguments["timeout"]
        self._autocommit = arguments["autocommit"]
        self._row_factory = arguments["row_factory"]
        self._inside = Inside()
        arguments["types"] = Types()
        native = native_config(self.config)
        self._routed = _native.chooses_host(native)
        return native, weakref.ref(self), arguments

    def _share(self, other: Any, arguments: dict[str, Any]) -> _native.AnyPool:
        """Takes the options of another pool, whose connections this object shares."""
        for name, parameter in inspect.signature(type(self)).parameters.items():
            if name not in ("config", "open") and arguments[name] is not parameter.default:
                raise TypeError(
                    f"{name} = {arguments[name]!r}: this pool shares the connections and options of {other!r}"
                )
        if other._check is not None:
            raise TypeError(f"{other!r} has a check, which is a coroutine function in one class and not in the other")
        self._take_after(other)
        native: _native.AnyPool = other
        return native

    def _take_after(self, other: Any) -> None:
        """Has what is the same for all objects that share one pool."""
        self._monitors = []
        self.config = other.config
        self._timeout = other._timeout
        self._autocommit = other._autocommit
        self._row_factory = other._row_factory
        self._inside = other._inside
        self._hooks = other._hooks
        self._routed = other._routed

    def _observe(self: Any, observer: object) -> Callable[[], None]:
        """Adds an observer. Returns what takes it away again."""
        hooks: Hooks = self._hooks
        hooks.set((*hooks.observers, observer))
        self._set_hooks(hooks.names)

        weak = weakref.ref(self)
        del self  # which what is returned does not keep

        def undo() -> None:
            hooks.set(tuple(one for one in hooks.observers if one is not observer))
            if (pool := weak()) is not None:
                pool._set_hooks(hooks.names)

        return undo

    @classmethod
    def from_env(
        cls: Callable[Concatenate[Config, Options], Pool],  # pyright: ignore[reportGeneralTypeIssues]
        dotenv_path: str | os.PathLike[str] | None = None,
        *args: Options.args,
        **options: Options.kwargs,
    ) -> Pool:
        """Makes a pool from `Config.from_env`. The other arguments are the constructor's."""
        return cls(Config.from_env(dotenv_path), *args, **options)

    @classmethod
    def from_url(
        cls: Callable[Concatenate[Config, Options], Pool],  # pyright: ignore[reportGeneralTypeIssues]
        url: str,
        *args: Options.args,
        **options: Options.kwargs,
    ) -> Pool:
        """Makes a pool from `Config.from_url`. The other arguments are the constructor's."""
        return cls(Config.from_url(url), *args, **options)


def named(connection: Leased, name: str | None) -> Leased:
    """The connection, whose lease is called so; None: nothing."""
    if name is not None:
        connection.name = name
    return connection


def plain_function(option: str, arguments: dict[str, Any]) -> Any:
    """As function_of, with a TypeError for a coroutine function."""
    function = function_of(option, arguments)
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"{option} = {function!r}: it must not be a coroutine function; no event loop calls it")
    return function


def function_of(option: str, arguments: dict[str, Any]) -> Any:
    """Returns the function, or None if none was given. TypeError if it can't be called."""
    function = arguments[option]
    if function is not None and not callable(function):
        raise TypeError(f"{option} = {function!r}: it must be a function")
    return function
