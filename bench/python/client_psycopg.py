"""psycopg and psycopg_pool, as their documentation shows them: a context manager, rows as dictionaries."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from statements import INSERT, SELECT_ALL, SELECT_SLOW, SELECT_USER

if psycopg.pq.__impl__ == "python":
    raise SystemExit("psycopg runs without its C extension: the comparison would not be fair")


class Threads:
    autocommit = False
    check: Any = None

    def __init__(self, url: str, size: int) -> None:
        options = {"row_factory": dict_row, "autocommit": self.autocommit}
        self.pool = ConnectionPool(
            url, kwargs=options, min_size=size, max_size=size, check=type(self).check, open=False
        )
        self.pool.open(wait=True)

    def close(self) -> None:
        self.pool.close()

    def select(self, number: int) -> Any:
        with self.pool.connection() as connection:
            return connection.execute(SELECT_USER, [number]).fetchall()

    def lease(self, _number: int) -> None:
        with self.pool.connection():
            pass

    def lease_and_select(self, number: int) -> Any:
        with self.pool.connection() as connection:
            return connection.execute(SELECT_USER, [number]).fetchone()

    def fetch_rows(self) -> Any:
        with self.pool.connection() as connection:
            return connection.execute(SELECT_ALL).fetchall()

    def insert_rows(self, rows: list[Any]) -> Any:
        with self.pool.connection() as connection, connection.cursor() as cursor:
            cursor.executemany(INSERT, rows)
            return cursor.rowcount


class AutocommitThreads(Threads):
    autocommit = True


class CheckingThreads(Threads):
    """A ping before each lease."""

    check = ConnectionPool.check_connection


class Tasks:
    def __init__(self, url: str, size: int) -> None:
        self.pool = AsyncConnectionPool(url, kwargs={"row_factory": dict_row}, min_size=size, max_size=size, open=False)

    async def open(self) -> None:
        await self.pool.open(wait=True)

    async def close(self) -> None:
        await self.pool.close()

    async def select(self, number: int, statement: str = SELECT_USER) -> Any:
        async with self.pool.connection() as connection:
            return await (await connection.execute(statement, [number])).fetchone()

    lease_and_select = select

    async def select_slow(self, number: int) -> Any:
        return await self.select(number, SELECT_SLOW)

    async def insert_rows(self, rows: list[Any]) -> Any:
        async with self.pool.connection() as connection, connection.cursor() as cursor:
            await cursor.executemany(INSERT, rows)
            return cursor.rowcount
