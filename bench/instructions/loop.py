"""One face of pycopg that does one kind of work a given number of times, for `scripts/bench instructions` to count."""

from __future__ import annotations

import asyncio
import os
import sys

import pycopg

POINT_SELECT = "SELECT id, name FROM bench_loop WHERE id = %s"
INSERT = "INSERT INTO bench_loop_log VALUES (%s)"


def select(db: pycopg.PooledDatabase, i: int) -> None:
    assert len(db.execute(POINT_SELECT, (i % 100,))) == 1


def fetch_val(db: pycopg.PooledDatabase, i: int) -> None:
    assert db.fetch_val("SELECT id FROM bench_loop WHERE id = %s", (i % 100,)) == i % 100


def insert(db: pycopg.PooledDatabase, i: int) -> None:
    db.execute(INSERT, (i,))


def block(db: pycopg.PooledDatabase, i: int) -> None:
    with db.connection() as conn:
        conn.execute(POINT_SELECT, (i % 100,))


def transaction(db: pycopg.PooledDatabase, i: int) -> None:
    with db.transaction() as conn:
        conn.execute(POINT_SELECT, (i % 100,))
        conn.execute(INSERT, (i,))


async def select_async(db: pycopg.AsyncPooledDatabase, i: int) -> None:
    assert len(await db.execute(POINT_SELECT, (i % 100,))) == 1


async def fetch_val_async(db: pycopg.AsyncPooledDatabase, i: int) -> None:
    assert await db.fetch_val("SELECT id FROM bench_loop WHERE id = %s", (i % 100,)) == i % 100


async def insert_async(db: pycopg.AsyncPooledDatabase, i: int) -> None:
    await db.execute(INSERT, (i,))


async def block_async(db: pycopg.AsyncPooledDatabase, i: int) -> None:
    async with db.connection() as conn:
        await conn.execute(POINT_SELECT, (i % 100,))


async def transaction_async(db: pycopg.AsyncPooledDatabase, i: int) -> None:
    async with db.transaction() as conn:
        await conn.execute(POINT_SELECT, (i % 100,))
        await conn.execute(INSERT, (i,))


WORKS = {
    "select": (select, select_async),
    "fetch_val": (fetch_val, fetch_val_async),
    "insert": (insert, insert_async),
    "block": (block, block_async),
    "transaction": (transaction, transaction_async),
}


async def repeat(url: str, work: str, count: int) -> None:
    async with pycopg.AsyncPooledDatabase.from_url(url, min_size=1, max_size=1) as db:
        for i in range(count):
            await WORKS[work][1](db, i)


def main() -> None:
    face, work, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    url = os.environ["DATABASE_URL"]
    if face == "asyncio":
        return asyncio.run(repeat(url, work, count))
    with pycopg.PooledDatabase.from_url(url, min_size=1, max_size=1) as db:
        for i in range(count):
            WORKS[work][0](db, i)
    return None


main()
