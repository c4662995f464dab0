"""pycopg, as docs/python.md shows it."""

from __future__ import annotations

from typing import Any

from pycopg import AsyncPooledDatabase, PooledDatabase
from statements import INSERT, SELECT_ALL, SELECT_SLOW, SELECT_USER


class Threads:
    share = True
    join_rows = True

    def __init__(self, url: str, size: int) -> None:
        self.db = PooledDatabase.from_url(url, min_size=size, max_size=size, share=self.share, join_rows=self.join_rows)
        self.db.wait()

    def close(self) -> None:
        self.db.close()

    def select(self, number: int) -> Any:
        return self.db.execute(SELECT_USER, [number])

    execute = select

    def fetch_one(self, number: int) -> Any:
        return self.db.fetch_one(SELECT_USER, [number])

    def fetch_val(self, number: int) -> Any:
        return self.db.fetch_val(SELECT_USER, [number])

    def lease(self, _number: int) -> None:
        with self.db.connection():
            pass

    def lease_and_select(self, number: int) -> Any:
        with self.db.connection() as connection:
            return connection.execute(SELECT_USER, [number]).fetchone()

    def transaction(self, number: int) -> Any:
        with self.db.transaction() as connection:
            connection.execute(SELECT_USER, [number]).fetchone()
            return connection.execute(SELECT_USER, [number]).fetchone()

    def fetch_rows(self) -> Any:
        return self.db.execute(SELECT_ALL)

    def insert_rows(self, rows: list[Any]) -> Any:
        return self.db.execute_many(INSERT, rows)


class UnsharedThreads(Threads):
    share = False


class RowByRowThreads(Threads):
    join_rows = False


class Tasks:
    share = True

    def __init__(self, url: str, size: int) -> None:
        self.db = AsyncPooledDatabase.from_url(url, min_size=size, max_size=size, share=self.share)

    async def open(self) -> None:
        await self.db.open()

    async def close(self) -> None:
        await self.db.close()

    async def select(self, number: int) -> Any:
        return await self.db.fetch_one(SELECT_USER, [number])

    fetch_one = select

    async def select_slow(self, number: int) -> Any:
        return await self.db.fetch_one(SELECT_SLOW, [number])

    async def execute(self, number: int) -> Any:
        return await self.db.execute(SELECT_USER, [number])

    async def fetch_val(self, number: int) -> Any:
        return await self.db.fetch_val(SELECT_USER, [number])

    async def lease_and_select(self, number: int) -> Any:
        async with self.db.connection() as connection:
            return await (await connection.execute(SELECT_USER, [number])).fetchone()

    async def fetch_rows(self) -> Any:
        return await self.db.execute(SELECT_ALL)

    async def insert_rows(self, rows: list[Any]) -> Any:
        return await self.db.execute_many(INSERT, rows)

    def stats(self) -> dict[str, Any]:
        return self.db.stats


class UnsharedTasks(Tasks):
    share = False
