"""How a task of a pool of several hosts leases a connection: it waits for a host, and then in the pool of that host.

If that pool turns it away, nothing was sent, and it asks for another host, in its old place of the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _native
from ._async_pool_leases import CheckedAsyncConnection
from .async_connection import AsyncConnection
from .deadline import Deadline
from .errors import Error


async def _on_host(connection: Any, deadline: Deadline, begin: Any) -> None:
    """Carries out what `begin` begins on a host, until one does not turn it away. The connection keeps that host."""
    try:
        while True:
            await connection._wait_for_host(deadline)
            try:
                await begin(deadline)
                return
            except Error as error:
                if not error._turned_away:
                    raise
            connection._doubt_host()
    except BaseException:
        connection._leave_host()
        raise


async def wait_for_primary(pool: _native.LoopPool, deadline: Deadline) -> None:
    """Waits until the pool of the primary has opened its connections."""
    connection = AsyncConnection(pool, deadline, True, dict)
    await _on_host(connection, deadline, connection._wait_for_pool)
    connection._leave_host()


async def _lease(self: Any) -> None:
    await _on_host(self, self._begin_leasing(), self._lease_on_host)


async def _lease_another(self: Any, timeout_s: float) -> None:
    self._leave_for_another()
    await _on_host(self, Deadline(timeout_s), self._lease_on_host)


def _try_lease(self: Any) -> bool:
    if not self._try_host():
        return False
    leased: bool = _native.LoopConnection._try_lease(self)
    if not leased:
        self._leave_host()
    return leased


def _try_lease_another(self: Any) -> bool:
    self._leave_for_another()
    return _try_lease(self)


class RoutedAsyncConnection(AsyncConnection):
    """A connection of a pool of several hosts."""

    if not TYPE_CHECKING:
        _lease = _lease
        _lease_another = _lease_another

        _try_lease = _try_lease
        _try_lease_another = _try_lease_another


class RoutedCheckedAsyncConnection(CheckedAsyncConnection):
    """The same, where `check` has to accept it."""

    if not TYPE_CHECKING:
        _lease = _lease
        _lease_another = _lease_another
        _try_lease = _try_lease
        _try_lease_another = _try_lease_another
