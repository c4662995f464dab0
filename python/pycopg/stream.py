"""The rows of one statement, read from the server in chunks, as they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import _native
from ._copying import LEASE, Refusal, uncopied
from ._native_types import Params, Raised, RaisedType, Row, Traceback
from ._shortcut import shortcut
from .deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .sql import Query

T = TypeVar("T")

if TYPE_CHECKING:

    class _Blocking(_native.BlockingStream, Generic[T]): ...

    class _Awaited(_native.AwaitedStream, Generic[T]): ...

else:  # a class that derives from one of the native module has no other base
    _Blocking = GenericAlias(_native.BlockingStream, T)
    _Awaited = GenericAlias(_native.AwaitedStream, T)


class RowStream(_Blocking[T]):
    """What `conn.stream()` returns: an iterator over the rows. For one thread at a time.

    Nothing is sent before the first row is asked for. Inside a transaction, other statements can be executed between
    two rows. Outside one (autocommit), the stream occupies its connection: until it has ended or was closed, any other
    statement raises InterfaceError.

    To stop half-way, leave the `with` block, `close()` the stream, or drop it: that never blocks, and costs neither the
    connection nor its transaction. What the server still does is ended in front of the next statement, or, once the
    connection is given back, in the background.
    """

    __reduce_ex__: Refusal = uncopied(LEASE)
    if not TYPE_CHECKING:
        __class_getitem__ = classmethod(GenericAlias)

    @shortcut(_native.BlockingStream.__init__)
    def __init__(
        self,
        connection: _native.Connection,
        sql: Query,
        params: Params | None = None,
        size: int = 1000,
        timeout: float | Deadline | None = None,
        row: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(connection, sql, params, size, timeout, row)

    if TYPE_CHECKING:

        def __next__(self) -> T: ...

    def __enter__(self) -> RowStream[T]:
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._close()

    def close(self) -> None:
        """Lets go of the rows that have not been read. Never blocks. To ask for a row then raises InterfaceError."""
        self._close()


class PoolStream(Generic[T]):
    """What `db.stream()` returns. Entering it leases a connection, and returns the rows; leaving it gives it back."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(self, connection: Any, rows: RowStream[T]) -> None:
        self._connection = connection
        self._rows = rows

    def __enter__(self) -> RowStream[T]:
        self._connection.__enter__()
        return self._rows

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._rows.close()
        self._connection._give_back()


class AsyncRowStream(_Awaited[T]):
    """What `conn.stream()` returns: an asynchronous iterator over the rows. For one task at a time; see RowStream."""

    __reduce_ex__: Refusal = uncopied(LEASE)
    if not TYPE_CHECKING:
        __class_getitem__ = classmethod(GenericAlias)

    @shortcut(_native.AwaitedStream.__init__)
    def __init__(
        self,
        connection: _native.LoopConnection,
        sql: Query,
        params: Params | None = None,
        size: int = 1000,
        timeout: float | Deadline | None = None,
        row: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(connection, sql, params, size, timeout, row)

    if TYPE_CHECKING:

        def __anext__(self) -> Awaitable[T]: ...

    async def _next_row(self) -> Row:
        """The first row of the next chunk. The others are at hand, which the native part sees to."""
        connection = self.connection
        await connection._run(connection._next_chunk, self, timeout=self._timeout)
        if not self._has_row():
            raise StopAsyncIteration
        return self._take_row()

    async def __aenter__(self) -> AsyncRowStream[T]:
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._close()

    async def close(self) -> None:
        """Lets go of the rows that have not been read. To ask for a row then raises InterfaceError."""
        self._close()


class AsyncPoolStream(Generic[T]):
    """What `db.stream()` returns. Entering it leases a connection, and returns the rows; leaving it gives it back."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(self, connection: Any, rows: AsyncRowStream[T]) -> None:
        self._connection = connection
        self._rows = rows

    async def __aenter__(self) -> AsyncRowStream[T]:
        await self._connection.__aenter__()
        return self._rows

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._rows._close()
        self._connection._give_back()
