"""SQLAlchemy on copg for asyncio: the dialect, and connections and cursors that SQLAlchemy's greenlets can wait for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from sqlalchemy.connectors.asyncio import AsyncAdapt_dbapi_module
from sqlalchemy.engine import AdaptedConnection
from sqlalchemy.util import await_only

import pycopg

from ._next_transaction import NextTransaction
from ._sqlalchemy import EngineDialect, config_of
from .async_connection import AsyncConnection, AsyncCursor
from .async_transaction import Beginning


class EngineCursor:
    """An AsyncCursor, whose rows are here once it has executed: only that is waited for."""

    server_side = False

    def __init__(self, connection: EngineConnection) -> None:
        self._connection = connection
        self._cursor: AsyncCursor = connection.driver_connection.cursor()

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def arraysize(self) -> int:
        return self._cursor.arraysize

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        self._cursor.arraysize = value

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        return await_only(self._cursor.execute(operation, parameters))

    def executemany(self, operation: Any, parameters: Sequence[Any]) -> Any:
        return await_only(self._cursor.executemany(operation, parameters))

    def fetchone(self) -> Any:
        return self._cursor._fetchone()

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return self._cursor._fetchmany(size)

    def fetchall(self) -> list[Any]:
        return self._cursor._fetchall()

    def __iter__(self) -> Iterator[Any]:
        while (row := self._cursor._fetchone()) is not None:
            yield row

    def setinputsizes(self, *sizes: Any) -> None:
        """PEP 249 requires it; it does nothing."""

    def nextset(self) -> None:
        """There is one set of rows for a statement."""

    def close(self) -> None:
        self._cursor._close()

    async def _async_soft_close(self) -> None:
        """Nothing: the rows, and their description, stay."""


class EngineServerCursor:
    """A cursor of the server, each of whose fetches is waited for."""

    server_side = True

    def __init__(self, connection: EngineConnection, name: str) -> None:
        self._cursor = connection.driver_connection.cursor(name)
        self._rows: deque[Any] = deque()

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return int(self._cursor.rowcount)

    @property
    def arraysize(self) -> int:
        return int(self._cursor.arraysize)

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        self._cursor.arraysize = value

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        return await_only(self._cursor.execute(operation, parameters))

    def fetchone(self) -> Any:
        return await_only(self._cursor.fetchone())

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return await_only(self._cursor.fetchmany(size))

    def fetchall(self) -> list[Any]:
        return await_only(self._cursor.fetchall())

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def close(self) -> None:
        await_only(self._cursor.close())

    async def _async_soft_close(self) -> None:
        """Nothing: rows are still to be fetched."""


class EngineConnection(AdaptedConnection):
    """An AsyncConnection whose calls a greenlet waits for.

    `isolation`, `readonly` and `deferrable` are those of its next transactions, as of `AsyncConnection.transaction`.
    """

    def __init__(self, dbapi: Any, connection: AsyncConnection) -> None:
        self.dbapi = dbapi
        self._connection: Any = connection
        self._next = NextTransaction()

    @property
    def info(self) -> Any:
        return self._connection.info

    @property
    def closed(self) -> bool:
        return bool(self._connection.closed)

    def cursor(self, name: str | None = None) -> Any:
        return EngineCursor(self) if name is None else EngineServerCursor(self, name)

    @property
    def autocommit(self) -> bool:
        return bool(self._connection.autocommit)

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if value != self.autocommit:
            self._next.drop(self)
            self._connection._set_autocommit(value)
            self._next.begin(self)

    @property
    def isolation(self) -> Any:
        return self._next.isolation

    @isolation.setter
    def isolation(self, value: Any) -> None:
        self._next.change(self, isolation=value)

    @property
    def readonly(self) -> bool:
        return self._next.readonly

    @readonly.setter
    def readonly(self, value: bool) -> None:
        self._next.change(self, readonly=value)

    @property
    def deferrable(self) -> bool:
        return self._next.deferrable

    @deferrable.setter
    def deferrable(self, value: bool) -> None:
        self._next.change(self, deferrable=value)

    def commit(self) -> None:
        if self._next.number is None:
            await_only(self._connection.commit())
        else:
            self._next.end_and_begin(self, True)

    def rollback(self) -> None:
        if self._next.number is None:
            await_only(self._connection.rollback())
        else:
            self._next.end_and_begin(self, False)

    def close(self) -> None:
        self._next.number = None
        self._connection._give_back()

    terminate = close

    def _begin_with(self, options: Any) -> Any:
        await_only(self._connection._run(Beginning, self._connection, options))
        return self._connection._began(None)

    def _end_number(self, number: int, commit: bool) -> None:
        await_only(self._connection._run(self._connection._end, number, commit))


class AsyncDbapi(AsyncAdapt_dbapi_module):
    """pycopg as SQLAlchemy sees it in an asynchronous engine."""

    def __init__(self, driver: ModuleType) -> None:
        super().__init__(driver)
        for name, value in vars(driver).items():
            if name != "connect":
                self.__dict__[name] = value


class AsyncCopgDialect(EngineDialect):
    """`postgresql+copg` for `create_async_engine`."""

    is_async = True
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        return AsyncDbapi(pycopg)

    def connect(self, *arguments: Any, **keywords: Any) -> Any:
        creator = keywords.pop("async_creator_fn", None)
        if creator is not None:
            return EngineConnection(self.loaded_dbapi, await_only(creator(*arguments, **keywords)))
        if self.database is None:
            self.database = self._prepare(pycopg.AsyncPooledDatabase(config_of(keywords), **self._options))
        return await_only(self._lease())

    async def _lease(self) -> EngineConnection:
        await self.database.open()
        connection = self.database.connection()
        connection.row_factory = tuple
        return EngineConnection(self.loaded_dbapi, await connection.__aenter__())

    def dispose_of_database(self) -> None:
        if self._is_given or self.database is None:
            return
        database = self.database
        self.database = None
        if database.stats["leased"] == 0:
            await_only(database.close())
        else:
            database.drain()

    def get_driver_connection(self, connection: Any) -> Any:
        return connection._connection
