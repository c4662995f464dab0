"""The connection that an AsyncConnectionPool's `configure` and `reset` are given.

The pool of copg calls them on a thread of their own, with a connection for threads. Each of its calls is done when it
has been called, so that what is awaited here never waits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from .._native_types import Params, Raised, RaisedType, Traceback
from ._connection import Connection

Self = TypeVar("Self", bound="LentCursor")


class LentCursor:
    """As AsyncCursor."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    async def execute(self: Self, sql: Any, params: Params | None = None, **_: Any) -> Self:
        self._cursor.execute(sql, params)
        return self

    async def executemany(self, sql: Any, params_seq: Iterable[Params]) -> None:
        self._cursor.executemany(sql, params_seq)

    async def fetchone(self) -> Any:
        return self._cursor.fetchone()

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        rows: list[Any] = self._cursor.fetchmany(size)
        return rows

    async def fetchall(self) -> list[Any]:
        rows: list[Any] = self._cursor.fetchall()
        return rows

    async def __aiter__(self) -> AsyncIterator[Any]:
        for row in self._cursor:
            yield row

    async def close(self) -> None:
        self._cursor.close()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._cursor.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


class LentConnection:
    """As AsyncConnection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, sql: Any, params: Params | None = None, **_: Any) -> LentCursor:
        return LentCursor(self._connection.execute(sql, params))

    def cursor(self, *, row_factory: Any = None, binary: bool = False) -> LentCursor:
        return LentCursor(self._connection.cursor(row_factory=row_factory))

    async def commit(self) -> None:
        self._connection.commit()

    async def rollback(self) -> None:
        self._connection.rollback()

    async def set_autocommit(self, value: bool) -> None:
        self._connection.autocommit = value

    @asynccontextmanager
    async def transaction(self, savepoint_name: str | None = None, force_rollback: bool = False) -> AsyncIterator[Any]:
        with self._connection.transaction(savepoint_name, force_rollback) as block:
            yield block

    @property
    def row_factory(self) -> Any:
        return self._connection.row_factory

    @row_factory.setter
    def row_factory(self, factory: Any) -> None:
        self._connection.row_factory = factory

    async def close(self) -> None:
        self._connection.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
