"""The block of a transaction, or of a savepoint, on a connection of asyncio."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import Any

from . import _native
from ._copying import LEASE, Refusal, uncopied
from ._info import tell_rollback_failed
from ._native_types import Raised, RaisedType, Traceback
from .deadline import Deadline, as_deadline
from .errors import ProgrammingError, QueryTimeout


class Beginning:
    """Begins a block with options, within one turn. A savepoint whose options are refused is rolled back to."""

    def __init__(
        self,
        connection: Any,  # a AsyncConnection
        options: _native.TransactionOptions,
        timeout: float | _native.Deadline | None,
    ) -> None:
        self._connection = connection
        self._options = options
        self._timeout = timeout
        self.waited_s: float = 0.0

    def __await__(self) -> Generator[Any, Any, None]:
        return self._begin().__await__()

    async def _begin(self) -> None:
        try:
            call = self._connection._begin(self._options, self._timeout)
            if call is not None:
                call.waited_s = self.waited_s
                await call
        except Exception:
            with suppress(Exception):  # giving the connection back cleans it
                undoing = self._connection._undo_beginning(self._timeout)
                if undoing is not None:
                    await undoing
            raise


class AsyncTransaction:
    """Commits when left normally, rolls back when left with an exception."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(
        self,
        connection: Any,  # a AsyncConnection
        options: _native.TransactionOptions | None = None,
        timeout: float | Deadline | None = None,
    ) -> None:
        self.connection = connection
        self._options = options
        self._timeout = timeout
        self._number = 0

    async def __aenter__(self) -> AsyncTransaction:
        connection = self.connection
        deadline = None if self._timeout is None else as_deadline(self._timeout)
        if self._options is None:
            await connection._run(connection._begin, None, timeout=deadline)
        else:
            await connection._run(Beginning, connection, self._options, timeout=deadline)
        self._number = connection._began(deadline)
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        connection = self.connection
        if error is None:
            left_open = connection._left_open_inside(self._number)
            try:
                await connection._run(connection._end, self._number, left_open is None)
            except QueryTimeout:
                connection._give_back_unended()
                raise
            if left_open is not None:
                raise ProgrammingError(left_open)
            return
        if connection._given_back:  # which rolls back
            return
        try:
            await connection._run(connection._end, self._number, False)
        except Exception as failed:
            if connection._given_back:  # by another task, while this one waited for its turn
                return
            tell_rollback_failed(connection, error, failed)
            if isinstance(failed, QueryTimeout):
                connection._give_back_unended()
