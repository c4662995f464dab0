"""asyncpg with its pool, as its documentation shows it. Rows are its records."""

from __future__ import annotations

from typing import Any

import asyncpg

from statements import INSERT_NUMBERED, SCHEMA, SELECT_ALL, SELECT_SLOW_NUMBERED, SELECT_USER_NUMBERED


class Tasks:
    def __init__(self, url: str, size: int) -> None:
        self.url, self.size = url, size
        self.pool: Any = None

    async def open(self) -> None:
        self.pool = await asyncpg.create_pool(self.url, min_size=self.size, max_size=self.size)

    async def close(self) -> None:
        await self.pool.close()

    async def select(self, number: int) -> Any:
        return await self.pool.fetchrow(SELECT_USER_NUMBERED, number)

    async def select_slow(self, number: int) -> Any:
        return await self.pool.fetchrow(SELECT_SLOW_NUMBERED, number)

    async def lease_and_select(self, number: int) -> Any:
        async with self.pool.acquire() as connection:
            return await connection.fetchrow(SELECT_USER_NUMBERED, number)

    async def fetch_rows(self) -> Any:
        return await self.pool.fetch(SELECT_ALL)

    async def insert_rows(self, rows: list[Any]) -> Any:
        return await self.pool.executemany(INSERT_NUMBERED, rows)


class CopyTasks(Tasks):
    async def insert_rows(self, rows: list[Any]) -> Any:
        return await self.pool.copy_records_to_table("added", schema_name=SCHEMA, records=rows)
