"""What the service answers, with its database and without."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask.testing import FlaskClient

import app
from pycopg import PooledDatabase
from pycopg.testing import ExistingServer, Server

DEADLINE_S = 10.0


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"


def test_users_are_listed_in_their_order(client: FlaskClient) -> None:
    users = client.get("/users").json
    assert users is not None
    assert [user["name"] for user in users] == ["Alice", "Bob", 'Čapek "R.U.R."']


def test_one_user_is_found_by_its_id(client: FlaskClient) -> None:
    assert client.get("/users/2").json == {"id": 2, "name": "Bob", "email": None}
    assert client.get("/users/4").status_code == 404
    assert client.get("/users/two").status_code == 400


def test_it_is_not_ready_while_callers_wait_for_connections(client: FlaskClient, copg_db: PooledDatabase) -> None:
    with copg_db.connection(), copg_db.connection(), ThreadPoolExecutor(1) as threads:
        waits = threads.submit(app.app.test_client().get, "/users")
        eventually(lambda: client.get("/ready").status_code == 503)
        assert client.get("/live").status_code == 200
        assert waits.result().status_code == 503
    assert client.get("/ready").status_code == 200


def test_while_the_database_is_away_it_lives_and_is_not_ready(
    client: FlaskClient, copg_db: PooledDatabase, copg_server: Server | ExistingServer
) -> None:
    assert client.get("/ready").status_code == 200
    name = copg_db.config.database
    with PooledDatabase.from_url(copg_server.url, 1, 1) as elsewhere:
        elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        elsewhere.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        eventually(lambda: client.get("/ready").status_code == 503)
        assert client.get("/live").status_code == 200
        busy = client.get("/users")
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")

        elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        eventually(lambda: client.get("/ready").status_code == 200)
    assert client.get("/users/2").status_code == 200
