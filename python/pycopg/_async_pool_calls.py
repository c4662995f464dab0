"""How the verbs of a pool for asyncio are called: at once, on a connection of their own, or once types are known."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from ._native_types import Params, TypesUnknown
from ._streaming import Stream, is_async_only, nothing
from ._types import lost_type
from .async_connection import AsyncConnection, AsyncCursor
from .cursor import begun
from .deadline import Deadline, as_deadline
from .errors import Error

if TYPE_CHECKING:
    from ._types import Types
    from .sql import Query


class AsyncPoolCalls:
    """Of AsyncPooledDatabase."""

    if TYPE_CHECKING:
        _on_lease: bool
        _kind: Callable[..., AsyncConnection]
        _timeout: float
        _row_factory: Callable[..., Any]
        _execute_plain: Any
        _execute_all: Any
        _execute_many: Any
        _with_types: Any

        @property
        def types(self) -> Types: ...

    def _is_final(self, error: Exception) -> bool:
        """Whether it has nothing to do with types that were not known, or are gone."""
        return not isinstance(error, TypesUnknown) and not (lost_type(error) and self.types._registered)

    async def _look_up_types(self, types: list[int], timeout: float | Deadline | None) -> bool:
        sql, parameters = self.types._question(types)
        self.types._answer(parameters, await self._execute_plain(sql, parameters, timeout))
        return True

    def _one_call(
        self, timeout: float | Deadline | None, row_factory: Callable[..., Any] | None = None
    ) -> AsyncConnection:
        """A connection for one call, which is a transaction of its own and ends by `timeout`."""
        connection = self._kind(self, timeout, True, self._row_factory if row_factory is None else row_factory)
        connection._ends_by_timeout = True
        return connection

    async def _checked_execute(
        self,
        sql: Query,
        params: Params | None,
        timeout: float | Deadline | None,
        row: Callable[..., Any] | None = None,
    ) -> AsyncCursor:
        deadline = as_deadline(self._timeout if timeout is None else timeout)
        while True:
            async with self._one_call(deadline, row) as connection:
                try:
                    return await connection.execute(sql, params)
                except Error as error:
                    if not error._turned_away:
                        raise
                    connection._doubt_host()

    async def _all(
        self,
        statements: Iterable[Any],
        transaction: bool,
        row: Callable[..., Any] | None,
        timeout: float | Deadline | None,
    ) -> list[Any]:
        if self._on_lease:
            async with self._one_call(timeout) as connection:
                return await connection._all(statements, transaction, row, None)
        try:
            call = self._execute_all(statements, transaction, row, timeout)
            return [] if call is None else await call
        except TypesUnknown as unknown:
            answers: list[Any] = await self._with_types(
                unknown, self._execute_all, statements, transaction, row, timeout
            )
            return answers

    async def _many(
        self,
        sql: Query,
        params_seq: Iterable[Params] | AsyncIterable[Params],
        returning: bool | Callable[..., Any] | None,
        timeout: float | Deadline | None,
    ) -> Any:
        if is_async_only(params_seq):
            deadline = Deadline(self._timeout) if timeout is None else as_deadline(timeout)
            stream = Stream(self, sql, params_seq, returning)
            if not await stream.fill():
                return nothing(returning)
            async with self._one_call(deadline) as connection:
                return await connection._send(stream, deadline)
        if self._on_lease:
            rows = begun(params_seq)
            if rows is None:
                return nothing(returning)
            async with self._one_call(timeout) as connection:
                return await connection._many(sql, rows, returning, None)
        if self.types._stale:
            await self._look_up_types([], timeout)
        try:
            call = self._execute_many(sql, params_seq, returning, timeout)
            return nothing(returning) if call is None else await call
        except TypesUnknown as unknown:
            if unknown.rows is None:
                raise
            await self._look_up_types(unknown.types, timeout)
            return unknown.rows._read()
