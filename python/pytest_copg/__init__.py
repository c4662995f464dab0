"""Pytest's fixtures for programs that use PostgreSQL: a server, a database for each test, a transaction for each test.

Pytest imports this module in each of its runs, so that it must not import pycopg before a fixture is asked for. That is
also why it is no module of pycopg: to import one imports the package, with the native module.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Callable, Union

import pytest

if TYPE_CHECKING:
    import pycopg
    from pycopg.testing import Databases, ExistingServer, Server

    AnyServer = Union[Server, ExistingServer]

_EXISTING = "a PostgreSQL server for the tests, in place of a throw-away one"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("copg")
    group.addoption("--copg-url", metavar="URL", help=f"{_EXISTING} (also COPG_TEST_URL, and copg_url in the ini file)")
    parser.addini("copg_url", f"{_EXISTING}: the URL of a database whose user may create others")
    parser.addini("copg_no_server", "what a test does where no PostgreSQL is installed: fail or skip", default="fail")


@pytest.fixture(scope="session")
def copg_settings() -> dict[str, str]:
    """Lines of the throw-away server's postgresql.conf. To be overridden."""
    return {}


@pytest.fixture(scope="session")
def copg_prepare() -> Callable[[pycopg.PooledDatabase], object] | None:
    """A function that makes the tables, once in a session; each test's database is a copy. To be overridden."""
    return None


@pytest.fixture(scope="session")
def copg_pool_options() -> dict[str, Any]:
    """The options of the pools that the fixtures make. To be overridden."""
    return {"min_size": 1, "max_size": 5}


@pytest.fixture(scope="session")
def copg_server(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[AnyServer]:
    """A PostgreSQL server, with the attribute `url`: a throw-away one, or the one that --copg-url names."""
    from pycopg.testing import ExistingServer, PostgresNotFound, Server

    given = pytestconfig.getoption("copg_url") or os.environ.get("COPG_TEST_URL") or pytestconfig.getini("copg_url")
    if given:
        yield ExistingServer(given)
        return
    settings = request.getfixturevalue("copg_settings")
    try:
        server = Server(settings)
    except PostgresNotFound as error:
        if pytestconfig.getini("copg_no_server") == "skip":
            pytest.skip(f"{error}")
        pytest.fail(f"{error}, or name a server with --copg-url", pytrace=False)
    with server:
        yield server


@pytest.fixture(scope="session")
def copg_databases(copg_server: AnyServer) -> Iterator[Databases]:
    """Makes and drops databases on the server: for tests that need more than one."""
    from pycopg.testing import Databases

    databases = Databases(copg_server.url)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def copg_template(
    copg_databases: Databases, copg_prepare: Callable[[pycopg.PooledDatabase], object] | None
) -> pycopg.Config:
    """The database that `copg_prepare` has made, of which each test gets a copy. Nobody may stay connected to it."""
    import pycopg

    config = copg_databases.create()
    if copg_prepare is not None:
        with pycopg.PooledDatabase(config) as db:
            copg_prepare(db)
    return config


@pytest.fixture
def copg_db(
    copg_databases: Databases, copg_template: pycopg.Config, copg_pool_options: dict[str, Any]
) -> Iterator[pycopg.PooledDatabase]:
    """A pool for threads, on a database that is this test's own."""
    import pycopg

    config = copg_databases.create(copg_template)
    with pycopg.PooledDatabase(config, **copg_pool_options) as db:
        yield db
    copg_databases.drop(config)


@pytest.fixture
def copg_async_db(copg_db: pycopg.PooledDatabase) -> pycopg.AsyncPooledDatabase:
    """The pool of `copg_db` for asyncio: open, and for any event loop, so that it fits every plugin that runs one."""
    import pycopg

    return pycopg.AsyncPooledDatabase(copg_db)


@pytest.fixture(scope="session")
def copg_shared_db(
    copg_databases: Databases, copg_template: pycopg.Config, copg_pool_options: dict[str, Any]
) -> Iterator[pycopg.PooledDatabase]:
    """A pool on one database for all tests of the session: what they commit there stays for the others."""
    import pycopg

    config = copg_databases.create(copg_template)
    with pycopg.PooledDatabase(config, **copg_pool_options) as db:
        yield db


@pytest.fixture
def copg_transaction(copg_shared_db: pycopg.PooledDatabase) -> Iterator[pycopg.Connection]:
    """A connection in a transaction that is rolled back after the test."""
    from pycopg.testing import rolled_back

    with rolled_back(copg_shared_db) as connection:
        yield connection


@pytest.fixture
def copg_async_transaction(
    copg_shared_db: pycopg.PooledDatabase,
) -> AbstractAsyncContextManager[pycopg.AsyncConnection]:
    """`async with copg_async_transaction as conn`: a connection in a transaction that is rolled back."""
    import pycopg
    from pycopg.testing import rolled_back_async

    return rolled_back_async(pycopg.AsyncPooledDatabase(copg_shared_db))
