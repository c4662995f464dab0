"""What the tests share: pytest's plugin of copg makes a database for each test, with the tables of the migrations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

import app
from migrate import migrate
from pycopg import PooledDatabase


@pytest.fixture(scope="session")
def copg_prepare() -> Callable[[PooledDatabase], object]:
    return migrate


@pytest.fixture(scope="session")
def copg_pool_options() -> dict[str, object]:
    return {"min_size": 1, "max_size": 2, "timeout": 1.0}


@pytest.fixture
def client(copg_db: PooledDatabase, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The service, on the pool of the test's database."""
    copg_db.wait()  # as open_pool does
    monkeypatch.setattr(app, "db", copg_db)
    monkeypatch.setattr(app, "TIMEOUT_S", 1.0)
    return app.app.test_client()
