"""What the tests share: pytest's plugin of copg makes a database for each test, with the tables of the migrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

import app
from migrate import migrate
from pycopg import PooledDatabase


@pytest.fixture(scope="session")
def copg_prepare() -> Callable[[PooledDatabase], object]:
    return migrate


@pytest.fixture
def client(copg_db: PooledDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The service, with a pool of its own that it opens and closes as under uvicorn."""
    monkeypatch.setenv("DATABASE_URL", copg_db.config.dsn)
    monkeypatch.setattr(app, "POOL_SIZE", 2)
    monkeypatch.setattr(app, "TIMEOUT_S", 1.0)
    with TestClient(app.app) as client:
        yield client
