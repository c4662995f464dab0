"""The FastAPI and the Flask example, started for real, asked over HTTP, loaded, and ended."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import httpx
import pytest

from conftest import LOAD_SECONDS, eventually
from pycopg import PooledDatabase
from service import END_TIMEOUT_S, EXAMPLES, ONE_PROCESS, SERVERS, START_TIMEOUT_S, Service

Start = Callable[..., Service]

FRAMEWORKS = ["uvicorn", "gunicorn"]
BOB = {"id": 2, "name": "Bob", "email": None}
CLIENTS = 64
LUA = EXAMPLES.parent / "bench" / "http_load.lua"


class Database:
    """What the service does to the server, seen from outside."""

    def __init__(self, db: PooledDatabase, application: str) -> None:
        self.db = db
        self.application = application

    def sessions(self, condition: str = "true") -> int:
        sql = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND ({condition})"
        count: int = self.db.fetch_val(sql, [self.application])
        return count

    def kill(self) -> None:
        sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s"
        self.db.execute(sql, [self.application])

    def blocked(self) -> int:
        """Of its statements, those that wait for a lock."""
        return self.sessions("wait_event_type = 'Lock'")

    def lock(self) -> Any:
        """Held in a block: whoever wants to read the table waits."""
        return Lock(self.db)


class Lock:
    def __init__(self, db: PooledDatabase) -> None:
        self.transaction = db.transaction()

    def __enter__(self) -> None:
        self.transaction.__enter__().execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")

    def __exit__(self, *error: Any) -> None:
        self.transaction.__exit__(*error)


@pytest.fixture
def database(db: PooledDatabase, schema: str) -> Database:
    db.execute((EXAMPLES / "users.sql").read_text())
    return Database(db, f"service_{schema}")


@pytest.fixture
def start(database: Database, server_url: str) -> Iterator[Start]:
    started: list[Service] = []

    def start(server: str, *, url: str = server_url, **settings: object) -> Service:
        url += ("&" if "?" in url else "?") + f"application_name={database.application}"
        started.append(Service(server, url, {name: str(value) for name, value in settings.items()}))
        return started[-1]

    yield start
    for service in started:
        service.__exit__()


@pytest.fixture
def at_once() -> Iterator[Callable[[str, int], list[Future[httpx.Response]]]]:
    """So many requests for a user, each on a connection of its own."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        yield lambda base, count: [threads.submit(get, f"{base}/users/2") for _ in range(count)]


def processes_of(server: str) -> int:
    """With a pool."""
    return 1 if server in ONE_PROCESS else 2


def get(url: str) -> httpx.Response:
    return httpx.get(url, timeout=START_TIMEOUT_S, trust_env=False)


def two_free_ports() -> int:
    """The first of them. Nobody else listens there now; a test can't do more."""
    for port in range(20_000, 30_000, 2):
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 1))
            return port
    raise AssertionError("no two ports are free")


@pytest.mark.parametrize("server", FRAMEWORKS)
def test_what_it_answers(start: Start, server: str) -> None:
    base = start(server).wait_until_it_listens()
    with httpx.Client(base_url=base, trust_env=False, timeout=START_TIMEOUT_S) as client:
        users = client.get("/users?page=1")
        assert users.status_code == 200
        assert users.headers["content-type"] == "application/json"
        assert [user["name"] for user in users.json()] == ["Alice", "Bob", 'Čapek "R.U.R."']
        user = client.get("/users/2")
        assert (user.status_code, user.json(), list(user.json())) == (200, BOB, list(BOB))
        for path in ("/users/4", "/users/-1", "/", "/users/1/2", "/usersx"):
            refused = client.get(path)
            assert (refused.status_code, refused.headers["content-type"]) == (404, "application/json"), path
        bad_id = 422 if server == "uvicorn" else 400
        for user_id in ("abc", "1x", "1.5", "9223372036854775808", "%00", "'", "1;", "1" * 1000):
            refused = client.get(f"/users/{user_id}")
            assert (refused.status_code, refused.headers["content-type"]) == (bad_id, "application/json"), user_id
        assert client.get("/users/9223372036854775807").status_code == 404
        post = client.post("/users", content=b"a=b")
        assert (post.status_code, "GET" in post.headers["allow"]) == (405, True)
        assert client.get("/users/2").json() == BOB


@pytest.mark.parametrize("server", FRAMEWORKS)
def test_it_does_not_start_without_its_database(start: Start, server_url: str, server: str) -> None:
    service = start(server, url=server_url.replace("/postgres", "/no_such_database", 1), POOL_TIMEOUT=1)
    assert service.wait_until_it_has_ended(START_TIMEOUT_S) == 3  # what both call a failed start
    assert "no_such_database" in service.output


@pytest.mark.parametrize("server", FRAMEWORKS)
def test_it_says_try_again_while_the_pool_is_dry(start: Start, database: Database, at_once: Any, server: str) -> None:
    service = start(server, POOL_SIZE=2, POOL_TIMEOUT=0.5)
    base = service.wait_until_it_listens()
    with database.lock():
        for answer in at_once(base, 6):
            assert answer.result().status_code == 503
            assert answer.result().headers["retry-after"] == "1"
    assert get(f"{base}/users/2").json() == BOB
    # The reason is in the log: no connection, or no answer where the statements have come to travel together.
    assert "leased" in service.output or "had no answer from the server" in service.output


@pytest.mark.parametrize("server", FRAMEWORKS)
def test_it_is_alive_but_not_ready_while_the_pool_is_dry(
    start: Start, database: Database, at_once: Any, server: str
) -> None:
    base = start(server, POOL_SIZE=1, POOL_TIMEOUT=2).wait_until_it_listens()
    assert get(f"{base}/ready").json() == {"status": "ready"}
    with database.lock():
        answers = at_once(base, 3)
        eventually(lambda: get(f"{base}/ready").status_code == 503)
        assert get(f"{base}/live").json() == {"status": "live"}
        assert {answer.result().status_code for answer in answers} == {503}
    eventually(lambda: get(f"{base}/ready").status_code == 200)


def test_whom_the_queue_does_not_hold_is_turned_away_at_once(start: Start, database: Database, at_once: Any) -> None:
    queue, too_many = 10, 5
    base = start("uvicorn", POOL_SIZE=1, POOL_TIMEOUT=30).wait_until_it_listens()
    with database.lock():
        answers = at_once(base, 1 + queue + too_many)
        eventually(lambda: sum(answer.done() for answer in answers) == too_many)
    codes = [answer.result().status_code for answer in answers]
    assert (codes.count(503), codes.count(200)) == (too_many, 1 + queue)


@pytest.mark.parametrize("server", FRAMEWORKS)
def test_a_connection_that_is_lost_under_a_request_is_replaced(
    start: Start, database: Database, at_once: Any, server: str
) -> None:
    base = start(server, POOL_SIZE=1, POOL_TIMEOUT=30).wait_until_it_listens()
    with database.lock():
        (answer,) = at_once(base, 1)
        eventually(lambda: database.blocked() == 1)
        database.kill()
        assert answer.result().status_code == 503
    assert get(f"{base}/users/2").json() == BOB
    database.kill()  # now an idle one: nobody notices
    assert get(f"{base}/users/2").json() == BOB


@pytest.mark.parametrize("server", FRAMEWORKS)
def test_what_went_wrong_inside_is_in_the_log_only(start: Start, database: Database, server: str) -> None:
    service = start(server)
    base = service.wait_until_it_listens()
    database.db.execute("ALTER TABLE users RENAME TO people")
    response = get(f"{base}/users")
    assert response.status_code == 500
    assert "people" not in response.text
    assert "relation" not in response.text
    eventually(lambda: 'relation "users" does not exist' in service.output)


def test_gunicorns_first_process_holds_no_connection(start: Start, database: Database) -> None:
    service = start("gunicorn, preload", POOL_SIZE=3)
    get(f"{service.wait_until_it_listens()}/users")
    assert database.sessions() == 3  # of the worker, which has waited for min_size of them


def test_each_worker_of_gunicorn_has_a_port_for_prometheus_and_its_successor_the_same(
    start: Start, database: Database
) -> None:
    first = two_free_ports()
    token = "a-token-for-the-test"
    service = start("gunicorn, 2 workers", POOL_SIZE=3, MONITOR_PORT=first, MONITOR_TOKEN=token)
    service.wait_until_it_listens()

    def scraped(port: int, **headers: str) -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/metrics", headers=headers, trust_env=False).status_code
        except httpx.TransportError:
            return 0

    authorization = f"Bearer {token}"
    for port in (first, first + 1):
        eventually(lambda port=port: scraped(port, Authorization=authorization) == 200, START_TIMEOUT_S)  # type: ignore[misc]
        assert scraped(port) == 401
    workers = [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", service.output)]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    eventually(lambda: service.output.count("Booting worker") == 3, START_TIMEOUT_S)
    for port in (first, first + 1):
        eventually(lambda port=port: scraped(port, Authorization=authorization) == 200, START_TIMEOUT_S)  # type: ignore[misc]


@pytest.mark.parametrize("server", SERVERS)
def test_under_load_nothing_fails_and_nothing_leaks(
    start: Start, database: Database, at_once: Any, server: str, tmp_path: pathlib.Path
) -> None:
    pool_size = 8  # its queue holds all clients
    service = start(server, POOL_SIZE=pool_size, POOL_TIMEOUT=30)
    base = service.wait_until_it_listens()
    eventually(lambda: database.sessions() == 5 * processes_of(server), START_TIMEOUT_S)  # each worker is ready
    wrk = ["wrk", "--threads", "1", "--connections", str(CLIENTS), "--duration", f"{LOAD_SECONDS}s"]
    ran = subprocess.run(
        [*wrk, "--timeout", "30", "--script", str(LUA), base],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COPG_BENCH_USERS": "3"},
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    load = json.loads(ran.stdout.splitlines()[-1])
    assert load["errors"] == {}, service.output
    assert load["requests"] > CLIENTS
    eventually(lambda: database.sessions("state <> 'idle'") == 0)
    assert database.sessions() <= pool_size * processes_of(server)
    # All connections of a pool can still be had at the same time, by as many requests.
    if server in ONE_PROCESS:
        with database.lock():
            answers = at_once(base, pool_size + 2)
            eventually(lambda: database.blocked() == pool_size)
        assert all(answer.result().json() == BOB for answer in answers)
    service.end(signal.SIGTERM)
    eventually(lambda: database.sessions() == 0)
    print(f"{server}: {load['requests']} requests in {LOAD_SECONDS} s")


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_ends_in_time_with_clients_connected_and_a_request_that_hangs(
    start: Start, database: Database, at_once: Any, server: str, number: int
) -> None:
    service = start(server, POOL_SIZE=3)
    base = service.wait_until_it_listens()
    eventually(lambda: database.sessions() == 3 * processes_of(server), START_TIMEOUT_S)  # each worker is ready
    with httpx.Client(base_url=base, trust_env=False, timeout=START_TIMEOUT_S) as idle:
        assert idle.get("/users/2").json() == BOB
        with database.lock():
            (hanging,) = at_once(base, 1)
            eventually(lambda: database.blocked() == 1)
            code = service.end(number)
            assert wait([hanging], END_TIMEOUT_S).done
            assert hanging.exception() is not None or hanging.result().status_code in (500, 503)
    eventually(lambda: database.sessions() == 0)
    assert code in (0, -number), service.output
    assert "Traceback" not in service.output or hanging.exception() is None, service.output


@pytest.mark.parametrize("server", FRAMEWORKS)
def test_sigterm_lets_a_request_that_runs_have_its_answer(
    start: Start, database: Database, at_once: Any, server: str
) -> None:
    service = start(server, POOL_TIMEOUT=30)
    base = service.wait_until_it_listens()
    with database.lock():
        (running,) = at_once(base, 1)
        eventually(lambda: database.blocked() == 1)
        service.process.send_signal(signal.SIGTERM)
        eventually(lambda: re.search("Shutting down|Handling signal: term", service.output))
    assert running.result().json() == BOB
    assert service.wait_until_it_has_ended(END_TIMEOUT_S) in (0, -signal.SIGTERM), service.output
    eventually(lambda: database.sessions() == 0)
