"""psycopg_pool's interface for asyncio over pools of copg: programs for psycopg_pool, with another import."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import pycopg
from conftest import eventually_async
from pycopg.compat import psycopg_pool as ours

ASYNC_POOLS = ["AsyncConnectionPool", "AsyncNullConnectionPool"]


@pytest.fixture(params=ASYNC_POOLS)
def run_async(request: pytest.FixtureRequest, server_url: str, users: pycopg.PooledDatabase) -> Callable[..., None]:
    def run(body: Callable[[Any], Awaitable[None]], **options: Any) -> None:
        async def main() -> None:
            async with getattr(ours, request.param)(server_url, min_size=0, max_size=3, open=False, **options) as made:
                await body(made)

        asyncio.run(main())

    return run


def test_asyncio(run_async: Callable[..., None]) -> None:
    async def body(pool: Any) -> None:
        await pool.wait(10)
        async with pool.connection() as conn:
            cur = await conn.execute("SELECT name FROM users WHERE id = %s", (1,))
            assert await cur.fetchone() == ("Ada",)
            async with conn.cursor(row_factory=dict_row) as cur:
                await cur.executemany("INSERT INTO users (name) VALUES (%s)", [("Alice",), ("Bob",)])
                await cur.execute("SELECT id, name FROM users ORDER BY id")
                assert await cur.fetchmany(1) == [{"id": 1, "name": "Ada"}]
                assert [row["id"] async for row in cur] == [2, 3, 4]
                assert [row["i"] async for row in cur.stream("SELECT 7 AS i")] == [7]
                async with cur.copy("COPY users (name) FROM STDIN") as copy:
                    await copy.write_row(["Carol"])
                assert cur.rowcount == 1
            with pytest.raises(psycopg.errors.DivisionByZero):
                async with conn.transaction():
                    await conn.execute("DELETE FROM users; SELECT 1/0")
            async with conn.transaction(force_rollback=True):
                await conn.execute("DELETE FROM users")
            async with conn.transaction():
                raise psycopg.Rollback
        with pytest.raises(psycopg.errors.UniqueViolation):
            async with pool.connection() as conn:
                await conn.execute("INSERT INTO users (name) VALUES ('Zoe'), ('Ada')")
        conn = await pool.getconn()
        assert await (await conn.execute("SELECT count(*) FROM users")).fetchone() == (5,)
        await conn.rollback()
        await conn.set_autocommit(True)
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with pytest.raises(psycopg.NotSupportedError):
            await conn.set_read_only(True)
        await pool.putconn(conn)
        await pool.resize(0, 2)
        await pool.check()
        await pool.drain()
        assert pool.get_stats()["pool_max"] == 2

    run_async(body)


def test_configure_check_and_reset_of_asyncio(run_async: Callable[..., None]) -> None:
    were_reset = []

    async def configure(conn: Any) -> None:
        await conn.set_autocommit(True)
        async with conn.cursor() as cur:
            await cur.execute("SET application_name = 'configured'")
            async with conn.transaction():
                assert await (await cur.execute("SELECT 1")).fetchone() == (1,)

    async def reset(conn: Any) -> None:
        were_reset.append(await (await conn.execute("SELECT 1")).fetchall())

    async def body(pool: Any) -> None:
        async with pool.connection() as conn:
            assert conn.autocommit
            assert await (await conn.execute("SHOW application_name")).fetchone() == ("configured",)

    run_async(body, configure=configure, reset=reset, check=ours.AsyncConnectionPool.check_connection)


def test_reconnect_failed_of_asyncio_may_be_a_coroutine_function() -> None:
    told: list[Any] = []

    async def tell(pool: Any) -> None:
        told.append(pool)

    async def main() -> None:
        async with ours.AsyncConnectionPool(
            "host=/nowhere dbname=none", min_size=1, open=False, reconnect_timeout=0.05, reconnect_failed=tell
        ) as pool:
            await eventually_async(lambda: told)
            assert told[0] is pool

    asyncio.run(main())


def test_where_the_server_is_may_be_asked_by_coroutine_functions(server_url: str) -> None:
    async def conninfo() -> str:
        return server_url

    async def kwargs() -> dict[str, Any]:
        return {"application_name": "asked", "autocommit": False}

    async def main() -> None:
        pool = ours.AsyncConnectionPool(conninfo, kwargs=kwargs, min_size=1, open=False)
        async with pool, pool.connection() as conn:
            assert await (await conn.execute("SHOW application_name")).fetchone() == ("asked",)

    asyncio.run(main())
