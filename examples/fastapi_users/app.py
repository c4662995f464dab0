"""An HTTP service on FastAPI: a pool for each process, opened before the first request and closed after the last one.

GET /users and GET /users/{user_id}, from the database in DATABASE_URL; GET /live, /ready and /metrics for what runs it:

    uvicorn --app-dir examples/fastapi_users --timeout-graceful-shutdown 2 app:app
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast

from fastapi import Depends, FastAPI, HTTPException, Path, Request, Response
from fastapi.responses import JSONResponse

from pycopg import PROMETHEUS_CONTENT_TYPE, AsyncPooledDatabase, ConfigurationError, OperationalError, prometheus

# Of this process: `uvicorn --workers 4` opens four times as many.
POOL_SIZE = int(os.environ.get("POOL_SIZE", "20"))
TIMEOUT_S = float(os.environ.get("POOL_TIMEOUT", "3"))  # until a request is answered with 503
WAITING_PER_CONNECTION = 10  # more requests than that are turned away at once
# With uvicorn's --timeout-graceful-shutdown less than the 5 seconds or more that service managers give.
GRACE_FOR_LEASES_S = 1.0
RETRY_AFTER_S = 1
SLOW_S = 1.0  # a statement that takes longer is in the log

# pycopg's lines, too: outages, lost connections, slow statements.
logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logger = logging.getLogger("users")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    db = AsyncPooledDatabase.from_env(
        name="users",
        min_size=min(5, POOL_SIZE),
        max_size=POOL_SIZE,
        timeout=TIMEOUT_S,
        max_waiting=WAITING_PER_CONNECTION * POOL_SIZE,
        slow_statement=SLOW_S,
    )
    try:
        await db.open()  # or the service does not start
        app.state.db = db
        yield
    finally:
        await db.close(timeout=GRACE_FOR_LEASES_S)


app = FastAPI(lifespan=lifespan)


async def get_db(request: Request) -> AsyncPooledDatabase:
    """The pool, not a connection of it: a connection that is leased here stays leased until the response is sent."""
    return cast(AsyncPooledDatabase, request.app.state.db)


Database = Annotated[AsyncPooledDatabase, Depends(get_db)]
UserId = Annotated[int, Path(ge=-(2**63), lt=2**63)]  # what a bigint holds; anything else is answered with 422


@app.get("/users")
async def list_users(db: Database) -> list[dict[str, Any]]:
    return await db.execute("SELECT id, name, email FROM users ORDER BY id")


@app.get("/users/{user_id}")
async def get_user(user_id: UserId, db: Database) -> dict[str, Any]:
    user: dict[str, Any] | None = await db.fetch_one("SELECT id, name, email FROM users WHERE id = %s", [user_id])
    if user is None:
        raise HTTPException(404, "no such user")
    return user


@app.get("/live", include_in_schema=False)
async def is_live() -> dict[str, str]:
    """Whether to restart this process: never because the database is away, which no restart mends."""
    return {"status": "live"}


@app.get("/ready", include_in_schema=False)
async def is_ready(db: Database) -> dict[str, str]:
    """Whether to send requests here: not while the pool can't give connections. It asks the server nothing."""
    if (reason := why_not_ready(db)) is not None:
        raise HTTPException(503, reason)
    return {"status": "ready"}


def why_not_ready(db: AsyncPooledDatabase) -> str | None:
    """None if the pool has a connection, and nobody has waited for one for half of the time there is."""
    stats = db.stats
    if not any(stats[state] for state in ("pool_available", "leased", "checking", "resetting")):
        return "no connection to the database"
    if max((waiter.waited for waiter in db.waiters()), default=0.0) > TIMEOUT_S / 2:
        return "all connections are leased"
    return None


@app.get("/metrics", include_in_schema=False)
async def metrics(db: Database) -> Response:
    """For Prometheus, of this process: with several workers a scrape reaches one of them."""
    return Response(prometheus(db), headers={"Content-Type": PROMETHEUS_CONTENT_TYPE})


@app.exception_handler(OperationalError)
async def database_is_busy(request: Request, error: OperationalError) -> JSONResponse:
    """No connection in time, too many waiting, the server gone: whoever only reads may try again."""
    if isinstance(error, ConfigurationError):  # trying again does not help
        raise error
    logger.warning("%s: %s", request.url.path, error)  # the client learns nothing of the database
    return JSONResponse({"detail": "busy, try again"}, 503, {"Retry-After": str(RETRY_AFTER_S)})
