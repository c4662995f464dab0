"""The migrations, on a database that has none yet."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import migrate
from pycopg import Error, PooledDatabase
from pycopg.testing import Databases

FILES = sorted(path.name for path in migrate.FOLDER.glob("*.sql"))


@pytest.fixture
def empty(copg_databases: Databases) -> Iterator[PooledDatabase]:
    config = copg_databases.create()
    with PooledDatabase(config, min_size=1, max_size=4) as db:
        yield db
    copg_databases.drop(config)


def test_each_is_applied_once_and_in_order(empty: PooledDatabase) -> None:
    assert migrate.migrate(empty) == FILES
    assert migrate.migrate(empty) == []


def test_of_several_at_the_same_time_one_applies_them(empty: PooledDatabase) -> None:
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(lambda _: migrate.migrate(empty), range(4)))
    assert sorted(applied) == [[], [], [], FILES]


def test_when_one_fails_the_database_stays_as_it_was(
    empty: PooledDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE good (id int)")
    (tmp_path / "0002_bad.sql").write_text("CREATE TABLE bad (id no_such_type)")
    monkeypatch.setattr(migrate, "FOLDER", tmp_path)
    with pytest.raises(Error, match="no_such_type"):
        migrate.migrate(empty)
    assert empty.fetch_val("SELECT to_regclass('good') IS NULL AND to_regclass('migrations') IS NULL")
