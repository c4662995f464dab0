"""What a pool for asyncio gives: a connection that `check` accepts, one that is free at once, one in a transaction."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from ._checking import Refusals
from ._copying import LEASE, Refusal, uncopied
from ._run import Inside, this_task
from .async_connection import AsyncConnection
from .async_transaction import AsyncTransaction
from .errors import PoolTimeout

if TYPE_CHECKING:
    from . import _native
    from ._native_types import Raised, RaisedType, Traceback


class CheckedAsyncConnection(AsyncConnection):
    """A connection of a pool with `check`. One that `check` refuses is closed, and another is tried."""

    async def __aenter__(self) -> AsyncConnection:
        check = self.pool._check
        refusals = Refusals(self.pool, self._limit_s)
        await self._lease()
        while True:
            try:
                answer = check(self)
                if not inspect.isawaitable(answer):
                    break
                await answer
                await self.rollback()
                return self
            except Exception as refusal:
                self._discard()
                time_left = refusals.time_left()
                if time_left is None:
                    raise refusals.told(refusal) from refusal
                try:
                    await self._lease_another(time_left)
                except PoolTimeout as late:
                    raise late from refusal
            except BaseException:
                self._discard()
                raise
        raise self._given_back_for(answer)

    async def _try_leasing(self) -> bool:
        check = self.pool._check
        refusals = Refusals(self.pool, 0.0)
        answer: object = None
        leased = self._try_lease()
        while leased:
            try:
                answer = check(self)
                if not inspect.isawaitable(answer):
                    break
                await answer
                await self.rollback()
                return True
            except Exception as refusal:
                leased = refusals.another_try(refusal) and self._try_lease_another()
            except BaseException:
                self._discard()
                raise
        if leased:
            raise self._given_back_for(answer)
        self._discard()
        return False

    def _given_back_for(self, answer: object) -> TypeError:
        """The check is wrong, not the connection: another connection would not help."""
        self._give_back()
        return TypeError(f"check = {self.pool._check!r}: it must be a coroutine function; it gave {answer!r}")


class AsyncTryConnection:
    """What `db.try_connection()` returns. Entering it returns the connection, or None if none is free at once."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def __aenter__(self) -> AsyncConnection | None:
        connection = self._connection
        leased = await connection._try_leasing()
        return connection if leased else None

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        if not self._connection._given_back:
            await self._connection.__aexit__(error_type, error, traceback)


class AsyncPoolTransaction:
    """What `db.transaction()` returns. Entering it returns the connection."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(self, connection: AsyncConnection, options: _native.TransactionOptions | None, inside: Inside) -> None:
        connection._ends_by_timeout = True
        self._connection = connection
        self._transaction = AsyncTransaction(connection, options)
        self._inside = inside

    async def __aenter__(self) -> AsyncConnection:
        await self._connection.__aenter__()
        try:
            await self._transaction.__aenter__()
        except BaseException:
            self._connection._give_back()
            raise
        task = this_task()
        self._enters = None if task in self._inside else task
        self._inside.add(task)
        return self._connection

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._inside.discard(self._enters)
        try:
            # After an exception, giving the connection back rolls back, without a round trip of this caller's.
            if error is None and not self._connection._given_back:
                await self._transaction.__aexit__(None, None, None)
        finally:
            self._connection._give_back()
