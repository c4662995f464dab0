"""`execute_many` for rows of an asynchronous iterable: sent in batches, in one transaction.

Only one batch is held in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING, Any

from . import _native
from ._native_types import Params, TransactionStatus
from ._turns import Turns
from .errors import Error, QueryTimeout

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from .sql import Query

# This is no SQL, on purpose (as in src/pq/execute_many_operation.cpp): the error makes the transaction fail, and the
# server's log shows the reason.
_ABORT = "copg: the source of rows failed, so none of them is kept"


def is_async_only(rows: object) -> TypeIs[AsyncIterable[Params]]:
    kind = type(rows)
    return hasattr(kind, "__aiter__") and not hasattr(kind, "__iter__")


def nothing(returning: object) -> Any:
    """What `execute_many` gives for no rows."""
    return [] if returning else 0


class Stream:
    """One call: its rows, and when it began."""

    def __init__(
        self, owner: Any, sql: Query, rows: AsyncIterable[Params], returning: bool | Callable[..., Any] | None = None
    ) -> None:
        self._owner = owner  # a pool, or a connection
        self._sql = sql
        self._returning = returning
        self._batch: Any = None
        self._rows = rows.__aiter__()
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    async def fill(self) -> bool:
        """Gathers the next batch. Returns False if no row is left to send."""
        if self._batch is None:
            types = self._owner.types
            if types._stale:
                await self._owner._look_up_types([], None)
            self._batch = _native.RowBatch(self._sql, types)
        while not self._ended:
            try:
                row = await self._rows.__anext__()
            except StopAsyncIteration:
                self._ended = True
            else:
                if self._batch.add(row):
                    break
        return len(self._batch) > 0

    async def send_on(self, native: _native.LoopConnection, turns: Turns, deadline: _native.Deadline) -> Any:
        """Sends the gathered batch and all further rows. Returns what `execute_many` does; an error undoes all."""
        self._deadline = deadline
        await turns.take(deadline._left(), inside=True)
        try:
            if (self._batch is None or len(self._batch) == 0) and not await self.fill():
                return nothing(self._returning)
            status = native._transaction_status
            block = None
            if native.autocommit and status is TransactionStatus.IDLE:
                native._begin(None, None)  # sends nothing: BEGIN travels with the first rows
                block = native._began(None)
            try:
                answer = await self._send(native)
                if block is not None:
                    await self._drive(native._end(block, True, deadline))
            except BaseException as error:
                await self._undo(native, block, error)
                raise
            return answer
        finally:
            turns.give()

    async def _send(self, native: _native.LoopConnection) -> Any:
        answer = nothing(self._returning)
        while True:
            if self._deadline._left() == 0:
                took_s = self._loop.time() - self._began
                raise QueryTimeout(f"execute_many had no time left when the next rows came, after {took_s:.3g} s")
            answer += await self._drive(native._execute_batch(self._batch, self._returning, self._deadline))
            if not await self.fill():
                return answer

    async def _drive(self, call: _native.LoopCall | None) -> Any:
        if call is None:
            return None
        call.waited_s = self._loop.time() - self._began
        return await call

    async def _undo(self, native: _native.LoopConnection, block: int | None, error: BaseException) -> None:
        if native._given_back:
            return
        if isinstance(error, GeneratorExit):  # the coroutine is being closed, so it can't await
            native._discard()
            return
        with contextlib.suppress(Error):  # if this fails, giving the connection back rolls back
            call = None
            if block is not None:
                call = native._end(block, False, None)
            elif native._transaction_status is TransactionStatus.INTRANS:
                call = native._execute(_ABORT, None, None, None)
            if call is not None:
                await call
