"""What the native module calls, mostly from the pool's own thread. User code runs on a daemon thread for each call.

There it may block, raise, or use the pool. For `configure`, `on_return`, `before_close` and `credentials` a native
thread waits for their answer without the GIL. Nothing waits for the others, which only report.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from . import _native
from ._pool_base import PoolBase
from .connection import Connection
from .cursor import listened
from .errors import PoolClosed

logger = logging.getLogger("pycopg")


def reconnect_failed(weak_pool: weakref.ref[PoolBase]) -> None:
    pool = weak_pool()
    if pool is not None and pool._reconnect_failed is not None:
        _tell("reconnect-failed", pool._reconnect_failed, pool)


def listened_on(weak_pool: weakref.ref[PoolBase]) -> None:
    """Runs on the thread of the caller that executed LISTEN, since it only logs."""
    pool: Any = weak_pool()
    if pool is not None:
        listened(pool)


def configure(weak_pool: weakref.ref[PoolBase], callback: _native.Callback) -> None:
    _on_a_thread("configure", _answer, "configure", _with_connection("_configure"), weak_pool, callback)


def on_return(weak_pool: weakref.ref[PoolBase], callback: _native.Callback) -> None:
    _on_a_thread("on-return", _answer, "on_return", _with_connection("_on_return"), weak_pool, callback)


def before_close(weak_pool: weakref.ref[PoolBase], callback: _native.Callback) -> None:
    _on_a_thread("before-close", _answer, "before_close", _with_connection("_before_close"), weak_pool, callback)


def credentials(weak_pool: weakref.ref[PoolBase], callback: _native.Callback) -> None:
    _on_a_thread("credentials", _answer, "credentials", _credentials, weak_pool, callback)


def _on_a_thread(name: str, call: Callable[..., object], *args: Any) -> None:
    threading.Thread(target=call, args=args, name=f"pycopg-{name}", daemon=True).start()


def _tell(name: str, call: Callable[..., object], *args: Any) -> None:
    try:
        _on_a_thread(name, call, *args)
    except RuntimeError as error:  # the process can't start another thread, so this one has to log it
        logger.warning("could not call %s%r: %s", getattr(call, "__qualname__", call), args, error)


def _answer(
    option: str,
    body: Callable[[Any, _native.Callback], None],
    weak_pool: weakref.ref[PoolBase],
    callback: _native.Callback,
) -> None:
    pool = weak_pool()
    if pool is None:
        return callback.fail("the pool is gone")
    try:
        body(pool, callback)
    except BaseException as error:
        if not isinstance(error, PoolClosed):  # which is expected while the pool closes
            logger.warning("%s of %r failed", option, pool, exc_info=True)
        return callback.fail(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")  # its first line
    return callback.succeed()


def _with_connection(attribute: str) -> Callable[[Any, _native.Callback], None]:
    """Returns what calls the pool's function of that name with a connection."""

    def call(pool: Any, callback: _native.Callback) -> None:
        kind = getattr(pool, "_lent", Connection)  # which the interface of another library has set
        connection = kind(pool, None, True, pool._row_factory)
        callback.lend(connection)
        try:
            _not_awaitable(getattr(pool, attribute)(connection))
        finally:
            callback.take_back(connection)

    return call


def _credentials(pool: Any, callback: _native.Callback) -> None:
    given = pool._credentials()
    if inspect.isawaitable(given):
        given = asyncio.run(_awaited(given))
    if not isinstance(given, Mapping):
        given = {name: getattr(given, name) for name in ("user", "password")}
    found = {}
    for name, value in given.items():
        if isinstance(value, int) and name not in ("user", "password"):  # such as a port
            found[name] = str(value)
        elif value is None or isinstance(value, str):
            found[name] = value or ""
        else:
            raise TypeError(f"the {name} is no string, but {type(value).__name__}")  # never show the value
    callback.give(found.pop("user", ""), found.pop("password", ""), found)


async def _awaited(given: Awaitable[Any]) -> Any:
    return await given


def _not_awaitable(result: Any) -> Any:
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError("it gave something to await: it must be a plain function")
    return result
