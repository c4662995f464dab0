"""A FastAPI application with one route, on one contender, served by uvicorn in this process. Started by web_load.py.

usage: web_fastapi.py CONTENDER asyncio|uvloop POOL_SIZE
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from fastapi import Depends, FastAPI

import scenarios
from statements import SELECT_USER, SELECT_USER_NUMBERED

URL = os.environ["DATABASE_URL"]
Serve = Callable[[FastAPI], AbstractAsyncContextManager[None]]
find_user: Any = None


async def get_find() -> Any:
    return find_user


async def get_user(user_id: int, find: Any = Depends(get_find)) -> Any:  # noqa: B008  (how FastAPI is written)
    return await find(user_id)


def on_pycopg(size: int) -> Serve:
    from pycopg import AsyncPooledDatabase

    @asynccontextmanager
    async def serve(_app: FastAPI) -> AsyncIterator[None]:
        global find_user
        async with AsyncPooledDatabase.from_url(URL, min_size=size, max_size=size) as db:

            async def find_user(user_id: int) -> Any:
                return await db.fetch_one(SELECT_USER, [user_id])

            yield

    return serve


def on_asyncpg(size: int) -> Serve:
    import asyncpg

    @asynccontextmanager
    async def serve(_app: FastAPI) -> AsyncIterator[None]:
        global find_user
        async with asyncpg.create_pool(URL, min_size=size, max_size=size) as pool:

            async def find_user(user_id: int) -> Any:
                return dict(await pool.fetchrow(SELECT_USER_NUMBERED, user_id))

            yield

    return serve


def on_psycopg(size: int) -> Serve:
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    @asynccontextmanager
    async def serve(_app: FastAPI) -> AsyncIterator[None]:
        global find_user
        kwargs = {"row_factory": dict_row}
        async with AsyncConnectionPool(URL, kwargs=kwargs, min_size=size, max_size=size, open=False) as pool:

            async def find_user(user_id: int) -> Any:
                async with pool.connection() as connection:
                    return await (await connection.execute(SELECT_USER, [user_id])).fetchone()

            yield

    return serve


def on_nothing(_size: int) -> Serve:
    @asynccontextmanager
    async def serve(_app: FastAPI) -> AsyncIterator[None]:
        global find_user

        async def find_user(user_id: int) -> Any:
            return {"id": user_id, "name": f"user {user_id}", "email": f"user{user_id}@example.org"}

        yield

    return serve


SERVE_ON = {
    scenarios.PYCOPG: on_pycopg,
    scenarios.ASYNCPG: on_asyncpg,
    scenarios.PSYCOPG: on_psycopg,
    scenarios.NO_DATABASE: on_nothing,
}


def main() -> None:
    contender, loop, size = sys.argv[1:]
    app = FastAPI(lifespan=SERVE_ON[contender](int(size)))
    app.get("/users/{user_id}")(get_user)
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    # What pip install uvicorn gives, or uvicorn[standard].
    http = "httptools" if loop == "uvloop" else "h11"
    config = uvicorn.Config(app, loop=loop, http=http, log_level="warning", access_log=False)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
