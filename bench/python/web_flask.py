"""A Flask application with one route, on the contender in COPG_BENCH_CONTENDER. web_load.py has gunicorn serve it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from flask import Flask

import scenarios
from statements import SELECT_USER

URL = os.environ["DATABASE_URL"]
SIZE = int(os.environ["COPG_BENCH_POOL_SIZE"])
Find = Callable[[int], Any]


def on_pycopg() -> Find:
    from pycopg import PooledDatabase

    db = PooledDatabase.from_url(URL, min_size=SIZE, max_size=SIZE)
    return lambda user_id: db.fetch_one(SELECT_USER, [user_id])


def on_psycopg() -> Find:
    from psycopg.rows import dict_row
    from psycopg_pool import ConnectionPool

    pool = ConnectionPool(URL, kwargs={"row_factory": dict_row}, min_size=SIZE, max_size=SIZE, open=True)

    def find(user_id: int) -> Any:
        with pool.connection() as connection:
            return connection.execute(SELECT_USER, [user_id]).fetchone()

    return find


def on_nothing() -> Find:
    return lambda user_id: {"id": user_id, "name": f"user {user_id}", "email": f"user{user_id}@example.org"}


FIND_ON = {scenarios.PYCOPG: on_pycopg, scenarios.PSYCOPG: on_psycopg, scenarios.NO_DATABASE: on_nothing}

app = Flask(__name__)
find = FIND_ON[os.environ["COPG_BENCH_CONTENDER"]]()


@app.route("/users/<int:user_id>")
def get_user(user_id: int) -> Any:
    return find(user_id)
