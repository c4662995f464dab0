"""Servers that go away and come back: what is logged, and how long a caller waits."""

from __future__ import annotations

import asyncio
import logging
import re
import time

import pytest

import pycopg
from conftest import Database, eventually
from pycopg import AsyncPooledDatabase, Config, PooledDatabase


def test_an_outage_is_logged_once_when_it_begins_and_once_when_it_ends(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database.shut()
    with PooledDatabase(database.config, 1, 1, name="orders") as db, caplog.at_level(logging.WARNING, "pycopg"):
        eventually(lambda: db.stats["connections_errors"] >= 3 and caplog.records)
        [began] = caplog.records
        assert (began.name, began.levelname) == ("pycopg", "WARNING")
        assert "pool 'orders' can't connect" in began.getMessage()
        assert "is not currently accepting connections" in began.getMessage()
        database.open()
        assert db.fetch_val("SELECT 1") == 1
        eventually(lambda: len(caplog.records) == 2)
        assert re.search(r"connecting works again, after \d+\.\d s and \d+ failed connects", caplog.text)


def test_a_configuration_that_cannot_work_is_logged(server_url: str, caplog: pytest.LogCaptureFixture) -> None:
    config = Config.from_url(server_url)
    config.database = "no_such_database"
    with caplog.at_level(logging.WARNING, "pycopg"), PooledDatabase(config, 1, 1) as db:
        eventually(lambda: db.stats["connections_errors"] >= 3 and caplog.records)
    assert len(caplog.records) == 1
    assert "does not exist" in caplog.text


def test_the_time_to_get_a_connection_holds_also_when_the_first_one_turns_out_dead(database: Database) -> None:
    with PooledDatabase(database.config, 1, 1, timeout=20) as db, db.connection(timeout=0.5) as conn:
        database.shut()
        began = time.monotonic()
        with pytest.raises(pycopg.PoolTimeout, match="had no connection for 0"):
            conn.execute("SELECT 1")
        assert time.monotonic() - began < 2


def test_so_it_does_on_an_event_loop(database: Database) -> None:
    async def main() -> None:
        async with (
            AsyncPooledDatabase(database.config, 1, 1, timeout=20) as db,
            db.connection(timeout=0.5) as conn,
        ):
            database.shut()
            began = time.monotonic()
            with pytest.raises(pycopg.PoolTimeout, match="had no connection for 0"):
                await conn.execute("SELECT 1")
            assert time.monotonic() - began < 2

    asyncio.run(main())
