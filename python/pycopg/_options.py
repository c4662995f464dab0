"""The options of a pool, as the C++ side takes them, and for type checkers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Literal, TypedDict

    from .async_connection import AsyncConnection
    from .connection import Connection

    Reset = Literal["tracked", "full", "rollback"]
    Prepare = Literal["auto", "off"]

    class _PoolOptions(TypedDict, total=False):
        """What both pools take beside the configuration and the bounds: their constructors have the defaults."""

        max_idle: float
        max_lifetime: float
        timeout: float
        num_workers: int
        reconnect_timeout: float
        reconnect_failed: Callable[[Any], object] | None
        name: str
        max_waiting: int
        connect_timeout: float
        min_idle: int
        configure: Callable[[Connection], object] | None
        reset: Reset
        prepare: Prepare
        share: bool
        leak_after: float | None
        credentials: Callable[[], Any] | None
        autocommit: bool
        row_factory: type

    class PooledDatabaseOptions(_PoolOptions, total=False):
        check: Callable[[Connection], object] | None
        open: bool

    class AsyncPooledDatabaseOptions(_PoolOptions, total=False):
        check: Callable[[AsyncConnection], Any] | None


_RESET = {"tracked": 0, "full": 1, "rollback": 2}
_PREPARE = {"auto": True, "off": False}


def native_options(
    *, min_size: int, max_size: int | None, reset: str, prepare: str, **as_they_are: object
) -> dict[str, Any]:
    return {
        "min_size": min_size,
        "max_size": min_size if max_size is None else max_size,
        "reset": _choice("reset", reset, _RESET),
        "prepare": _choice("prepare", prepare, _PREPARE),
        **as_they_are,
    }


def _choice(option: str, value: str, choices: dict[str, Any]) -> Any:
    if value not in choices:
        raise ValueError(f"{option} = {value!r}: it must be one of {', '.join(map(repr, choices))}")
    return choices[value]


def require_switch(option: str, value: bool) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{option} = {value!r}: it must be True or False")
