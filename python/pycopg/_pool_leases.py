"""What a pool for threads gives: a connection that `check` accepts, one that is free at once, one in a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ._checking import Refusals
from ._copying import LEASE, Refusal, uncopied
from ._run import Inside, this_thread
from .connection import Connection
from .errors import PoolTimeout
from .transaction import Transaction

if TYPE_CHECKING:
    from . import _native
    from ._native_types import Raised, RaisedType, Traceback

Leased = TypeVar("Leased", bound="CheckedConnection")


def lease_checked(connection: Connection) -> None:
    """Leases a connection that the pool's `check` accepts. One that it refuses is closed, and another is tried."""
    pool = connection.pool
    refusals = Refusals(pool, connection._limit_s)
    connection._lease()
    while True:
        try:
            pool._check(connection)
            connection.rollback()
            return
        except Exception as refusal:
            time_left = refusals.time_left()
            if time_left is None:
                connection._discard()
                raise refusals.told(refusal) from refusal
            try:
                connection._lease_another(time_left)
            except PoolTimeout as late:
                raise late from refusal
        except BaseException:
            connection._discard()
            raise


def lease(connection: Connection) -> None:
    """Leases a connection; one that the pool's `check` accepts, if the pool has one."""
    if connection.pool._check is None:
        connection._lease()
    else:
        lease_checked(connection)


class CheckedConnection(Connection):
    """A connection of a pool with `check`."""

    def __enter__(self: Leased) -> Leased:
        lease_checked(self)
        return self

    def _try_leasing(self) -> bool:
        refusals = Refusals(self.pool, 0.0)
        leased = self._try_lease()
        while leased:
            try:
                self.pool._check(self)
                self.rollback()
                return True
            except Exception as refusal:
                leased = refusals.another_try(refusal) and self._try_lease_another()
            except BaseException:
                self._discard()
                raise
        self._discard()
        return False


class TryConnection:
    """What `db.try_connection()` returns. Entering it returns the connection, or None if none is free at once."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Connection | None:
        connection = self._connection
        leased = connection._try_leasing()
        return connection if leased else None

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        if not self._connection._given_back:
            self._connection.__exit__(error_type, error, traceback)


class PoolTransaction:
    """What `db.transaction()` returns. Entering it returns the connection."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(self, connection: Connection, options: _native.TransactionOptions | None, inside: Inside) -> None:
        connection._ends_by_timeout = True
        self._connection = connection
        self._transaction = Transaction(connection, options)
        self._inside = inside

    def __enter__(self) -> Connection:
        self._connection.__enter__()
        try:
            self._transaction.__enter__()
        except BaseException:
            self._connection._give_back()
            raise
        thread = this_thread()
        self._enters = None if thread in self._inside else thread
        self._inside.add(thread)
        return self._connection

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._inside.discard(self._enters)
        try:
            # After an exception, giving the connection back rolls back, without a round trip of this caller's.
            if error is None and not self._connection._given_back:
                self._transaction.__exit__(None, None, None)
        finally:
            self._connection._give_back()
