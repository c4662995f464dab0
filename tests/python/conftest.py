"""Fixtures: a server is in the environment (copg with-postgres), and each test has a schema of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest
import uvloop

import pycopg

# The body of a test on an event loop, and what runs it.
Body = Callable[[pycopg.AsyncPooledDatabase], Awaitable[None]]
Run = Callable[..., None]

# Of each run under wrk: short, so that everybody runs them; 10 is what a release should see.
LOAD_SECONDS = int(os.environ.get("COPG_LOAD_SECONDS", "2"))

_schemas = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="storms of 30 s; a million queries where memory is watched")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--slow"):
        terminalreporter.line("storms and watching memory: the short versions; the long ones with --slow")
    if any("test_services.py" in report.nodeid for report in terminalreporter.stats.get("passed", [])):
        terminalreporter.line(f"services were loaded for {LOAD_SECONDS} s each (COPG_LOAD_SECONDS)")
    if any("test_monitor_page.py" in report.nodeid for report in terminalreporter.stats.get("skipped", [])):
        terminalreporter.line("the live page was not looked at: there is no Chromium")


@pytest.fixture(scope="session")
def slow(pytestconfig: pytest.Config) -> bool:
    """The long version of a test is wanted."""
    return bool(pytestconfig.getoption("--slow"))


def eventually(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Waits until the condition holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        os.sched_yield()


class NextRound:
    """Awaited, it lets the event loop do what is due, once."""

    def __await__(self) -> Iterator[None]:
        yield


async def eventually_async(condition: Callable[[], object], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await NextRound()


def idle(db: pycopg.AsyncPooledDatabase) -> bool:
    stats = db.stats
    return bool(stats["pool_available"] == stats["pool_size"] and stats["requests_waiting"] == 0)


@pytest.fixture(scope="session")
def server_url() -> str:
    url = os.environ.get("DATABASE_URL")
    assert url, "run the tests with a server: copg with-postgres -- pytest tests/python"
    return url


@pytest.fixture
def schema(server_url: str) -> Iterator[str]:
    """A schema that is first in the search path of what connects during the test, with the document's tables."""
    name = f"s{os.getpid()}_{next(_schemas)}"
    with pycopg.PooledDatabase.from_url(server_url, 1, 1) as admin:
        admin.execute(f"CREATE SCHEMA {name}")
        os.environ["PGOPTIONS"] = f"-c search_path={name}"
        try:
            yield name
        finally:
            del os.environ["PGOPTIONS"]
            admin.execute(f"DROP SCHEMA {name} CASCADE")


class Database:
    """A database of one test's own, that can be shut: nobody gets in, and nobody stays."""

    def __init__(self, url: str, admin: pycopg.PooledDatabase, name: str) -> None:
        self.config = pycopg.Config.from_url(url)
        self.config.database = self.name = name
        self._admin = admin

    def shut(self) -> None:
        self._admin.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false")
        self._admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [self.name]
        )

    def open(self) -> None:
        self._admin.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")


@pytest.fixture
def database(server_url: str) -> Iterator[Database]:
    with pycopg.PooledDatabase.from_url(server_url, 1, 1) as admin:
        name = f"d{os.getpid()}_{next(_schemas)}"
        admin.execute(f"CREATE DATABASE {name}")
        yield Database(server_url, admin, name)
        admin.execute(f"DROP DATABASE {name} (FORCE)")


@pytest.fixture
def make_pool(server_url: str, schema: str) -> Iterator[Callable[..., pycopg.PooledDatabase]]:
    pools = []

    def make(**options: Any) -> pycopg.PooledDatabase:
        options.setdefault("min_size", 1)
        options.setdefault("max_size", 4)
        pools.append(pycopg.PooledDatabase.from_url(server_url, **options))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close(timeout=1.0)


@pytest.fixture
def db(make_pool: Callable[..., pycopg.PooledDatabase]) -> pycopg.PooledDatabase:
    return make_pool()


@pytest.fixture
def users(db: pycopg.PooledDatabase) -> pycopg.PooledDatabase:
    """`db` with the tables that the reference document uses."""
    db.execute(
        "CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL UNIQUE, active boolean DEFAULT true);"
        "CREATE TABLE stats (count integer NOT NULL);"
        "INSERT INTO users (name) VALUES ('Ada'), ('Grace');"
        "INSERT INTO stats VALUES (0)"
    )
    return db


def run_on(kind: str, main: Coroutine[Any, Any, None]) -> None:
    """In a new event loop: asyncio's own, or uvloop's."""
    if kind == "uvloop":
        loop = uvloop.new_event_loop()
        try:
            loop.run_until_complete(main)
        finally:
            loop.close()
    else:
        asyncio.run(main)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, server_url: str, users: pycopg.PooledDatabase) -> Iterator[Run]:
    """Runs a test's body in a new event loop, with an open pool."""

    def run(body: Body, **options: Any) -> None:
        async def main() -> None:
            options.setdefault("min_size", 1)
            options.setdefault("max_size", 4)
            db = pycopg.AsyncPooledDatabase.from_url(server_url, **options)
            try:
                with contextlib.suppress(pycopg.PoolTimeout):  # that of a test may be short
                    await db.open()
                await db.wait()
                await body(db)
            finally:
                await db.close()

        run_on(request.param, main())

    return run
