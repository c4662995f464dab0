"""An HTTP service on Flask: a pool for each process, shared by its threads.

GET /users and GET /users/<user_id>, from the database in DATABASE_URL; GET /live and /ready for what runs it.
gunicorn.conf.py, which gunicorn reads where it is started, opens and closes the pool, and shows it to Prometheus:

    cd examples/flask_users && gunicorn app:app
"""

from __future__ import annotations

import logging
import os
import re
from typing import Any

from flask import Flask, abort, jsonify
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from pycopg import ConfigurationError, OperationalError, PooledDatabase

# Of this process: `gunicorn --workers 4` opens four times as many.
POOL_SIZE = int(os.environ.get("POOL_SIZE", "20"))
TIMEOUT_S = float(os.environ.get("POOL_TIMEOUT", "3"))  # until a request is answered with 503
WAITING_PER_CONNECTION = 10  # more requests than that are turned away at once
GRACE_FOR_LEASES_S = 1.0
RETRY_AFTER_S = 1
SLOW_S = 1.0  # a statement that takes longer is in the log

# pycopg's lines, too: outages, lost connections, slow statements.
logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
app = Flask(__name__)
app.json.sort_keys = False  # type: ignore[attr-defined]  # columns in their order

# Not open yet: with --preload this runs in gunicorn's first process, which serves nobody and needs no connection.
db = PooledDatabase.from_env(
    name="users",
    min_size=min(5, POOL_SIZE),
    max_size=POOL_SIZE,
    timeout=TIMEOUT_S,
    max_waiting=WAITING_PER_CONNECTION * POOL_SIZE,
    slow_statement=SLOW_S,
    open=False,
)


def open_pool() -> None:
    """In each process that serves, before it does. An exception if the database can't be reached."""
    db.open()
    db.execute("SELECT 1")  # says at once why nothing works
    db.wait(timeout=TIMEOUT_S)


def close_pool() -> None:
    """Requests that are still running get their time, then PoolClosed."""
    db.close(timeout=GRACE_FOR_LEASES_S)


@app.get("/users")
def list_users() -> ResponseReturnValue:
    return jsonify(db.execute("SELECT id, name, email FROM users ORDER BY id"))


@app.get("/users/<user_id>")
def get_user(user_id: str) -> ResponseReturnValue:
    user: dict[str, Any] | None = db.fetch_one("SELECT id, name, email FROM users WHERE id = %s", [parse_id(user_id)])
    if user is None:
        abort(404, "no such user")
    return user


def parse_id(text: str) -> int:
    """What a bigint holds. Flask's own <int:user_id> would answer anything else with 404."""
    if not re.fullmatch("-?[0-9]{1,19}", text) or not -(2**63) <= int(text) < 2**63:
        abort(400, "the id of a user is a whole number")
    return int(text)


@app.get("/live")
def is_live() -> ResponseReturnValue:
    """Whether to restart this process: never because the database is away, which no restart mends."""
    return {"status": "live"}


@app.get("/ready")
def is_ready() -> ResponseReturnValue:
    """Whether to send requests here: not while the pool can't give connections. It asks the server nothing."""
    if (reason := why_not_ready()) is not None:
        abort(503, reason)
    return {"status": "ready"}


def why_not_ready() -> str | None:
    """None if the pool has a connection, and nobody has waited for one for half of the time there is."""
    stats = db.stats
    if not any(stats[state] for state in ("pool_available", "leased", "checking", "resetting")):
        return "no connection to the database"
    if max((waiter.waited for waiter in db.waiters()), default=0.0) > TIMEOUT_S / 2:
        return "all connections are leased"
    return None


@app.errorhandler(OperationalError)
def database_is_busy(error: OperationalError) -> ResponseReturnValue:
    """No connection in time, too many waiting, the server gone: whoever only reads may try again."""
    if isinstance(error, ConfigurationError):  # trying again does not help
        raise error
    app.logger.warning("%s", error)  # the client learns nothing of the database
    return {"error": "busy, try again"}, 503, {"Retry-After": str(RETRY_AFTER_S)}


@app.errorhandler(HTTPException)
def refused(error: HTTPException) -> ResponseReturnValue:
    """In JSON as everything else, with the headers that belong to it."""
    response = error.get_response()
    response.data = app.json.dumps({"error": error.description})
    response.content_type = "application/json"
    return response
