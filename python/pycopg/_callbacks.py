"""`configure` and `credentials`: called for each new connection, by a thread of the pool's that waits without the GIL.

Each call gets a daemon thread of its own: it may block, raise, or call the pool, and holds up no other connection.
"""

from __future__ import annotations

import inspect
import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .connection import Connection
from .errors import PoolClosed

if TYPE_CHECKING:
    from . import _native
    from .async_pool import AsyncPooledDatabase
    from .pool import PooledDatabase

logger = logging.getLogger("pycopg")


def plain_function(option: str, function: Any) -> Any:
    """The function. TypeError for what can't be called, or only awaited."""
    if function is None:
        return None
    if not callable(function):
        raise TypeError(f"{option} = {function!r}: it must be a function")
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"{option} = {function!r}: it must not be a coroutine function; no event loop calls it")
    return function


def configure(weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase], callback: _native.Callback) -> None:
    _on_a_thread("configure", _configure, weak_pool, callback)


def credentials(weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase], callback: _native.Callback) -> None:
    _on_a_thread("credentials", _credentials, weak_pool, callback)


def _on_a_thread(
    option: str,
    body: Callable[[Any, _native.Callback], None],
    weak_pool: weakref.ref[PooledDatabase | AsyncPooledDatabase],
    callback: _native.Callback,
) -> None:
    def run() -> None:
        pool = weak_pool()
        if pool is None:
            return callback.fail("the pool is gone")
        try:
            body(pool, callback)
        except BaseException as error:
            if not isinstance(error, PoolClosed):  # the pool goes: nobody needs to be told
                logger.warning("%s of %r failed", option, pool, exc_info=True)
            return callback.fail(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")  # on one line
        return callback.succeed()

    threading.Thread(target=run, name=f"pycopg-{option}", daemon=True).start()


def _configure(pool: Any, callback: _native.Callback) -> None:
    connection = Connection(pool, None, True, pool._row_factory)
    callback.lend(connection)
    try:
        _not_awaitable(pool._configure(connection))
    finally:
        callback.take_back(connection)


def _credentials(pool: Any, callback: _native.Callback) -> None:
    given = _not_awaitable(pool._credentials())
    found = {}
    for name in ("user", "password"):
        value = given.get(name) if isinstance(given, Mapping) else getattr(given, name)
        if not (value is None or isinstance(value, str)):
            raise TypeError(f"the {name} is no string, but {type(value).__name__}")  # never show it
        found[name] = value or ""
    callback.give(found["user"], found["password"])


def _not_awaitable(result: Any) -> Any:
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError("it gave something to await: it must be a plain function")
    return result
