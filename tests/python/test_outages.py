"""Servers that go away and come back: what is logged, and how long a caller waits."""

from __future__ import annotations

import asyncio
import logging
import re
import socketserver
import struct
import threading
import time

import pytest

import pycopg
from conftest import Database, eventually, eventually_async
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
        assert re.search(r"connecting works again, after [\d.]+ m?s and \d+ failed connects?", caplog.text)


def test_a_configuration_that_cannot_work_is_logged(server_url: str, caplog: pytest.LogCaptureFixture) -> None:
    config = Config.from_url(server_url)
    config.database = "no_such_database"
    with caplog.at_level(logging.WARNING, "pycopg"), PooledDatabase(config, 1, 1) as db:
        eventually(lambda: db.stats["connections_errors"] >= 3 and caplog.records)
    assert len(caplog.records) == 1
    assert "does not exist" in caplog.text


def test_patience_with_an_outage_ends(database: Database) -> None:
    database.shut()
    with PooledDatabase(database.config, 0, 2, outage_patience=0.2) as db:
        began = time.monotonic()
        with pytest.raises(pycopg.OperationalError, match=r"can't connect.*every connect has failed for 0\.\d s"):
            db.execute("SELECT 1")
        assert time.monotonic() - began >= 0.2
        queued = db.stats["requests_queued"]
        with pytest.raises(pycopg.OperationalError), db.connection():
            pass
        assert db.stats["requests_queued"] == queued, "it failed at once"
        database.open()
        eventually(lambda: db.stats["pool_size"] == 1)
        assert db.fetch_val("SELECT 1") == 1


def test_patience_with_an_outage_ends_on_an_event_loop(database: Database) -> None:
    database.shut()

    async def main() -> None:
        async with AsyncPooledDatabase(database.config, 0, 2, outage_patience=0.2) as db:
            for _ in range(2):
                with pytest.raises(pycopg.OperationalError, match=r"every connect has failed for 0\.\d s"):
                    await db.execute("SELECT 1")
            assert db.stats["requests_queued"] == 1
            database.open()
            await eventually_async(lambda: db.stats["pool_size"] == 1)
            assert await db.fetch_val("SELECT 1") == 1

    asyncio.run(main())


class Refuses(socketserver.StreamRequestHandler):
    """A server that lets nobody in, in the words of another encoding than UTF-8."""

    def handle(self) -> None:
        size, code = struct.unpack("!ii", self.rfile.read(8))
        while code >> 16 != 3:  # a request for encryption, not the startup message
            self.wfile.write(b"N")
            size, code = struct.unpack("!ii", self.rfile.read(8))
        self.rfile.read(size - 8)
        fields = b"SFATAL\0C57P03\0Mist besch\xe4ftigt\0\0"
        self.wfile.write(b"E" + struct.pack("!i", len(fields) + 4) + fields)


def test_an_outage_is_logged_also_in_words_that_are_not_utf_8(caplog: pytest.LogCaptureFixture) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever).start()
        config = Config(host="127.0.0.1", port=server.server_address[1], user="ada", database="orders")
        try:
            with caplog.at_level(logging.WARNING, "pycopg"), PooledDatabase(config, 1, 1):
                eventually(lambda: "ist besch\ufffdftigt" in caplog.text)
        finally:
            server.shutdown()


def test_sessions_that_the_server_ends_while_idle_are_noticed_without_a_request(database: Database) -> None:
    with PooledDatabase(database.config, 10, 10, timeout=20) as db:
        db.wait()
        database.shut()
        eventually(lambda: db.stats["pool_size"] == 0)
        database.open()
        eventually(lambda: db.stats["pool_available"] == 10)
        assert db.stats["requests_num"] == 0
        assert [db.fetch_val("SELECT %s::int", [n]) for n in range(20)] == list(range(20))
        assert db.stats["returns_bad"] == 0


def test_so_they_are_on_an_event_loop_that_is_busy(database: Database) -> None:
    async def main() -> None:
        async with AsyncPooledDatabase(database.config, 10, 10, timeout=20) as db:
            database.shut()
            eventually(lambda: db.stats["pool_size"] == 0)
            database.open()
            eventually(lambda: db.stats["pool_available"] == 10)
            assert db.stats["requests_num"] == 0
            assert [await db.fetch_val("SELECT %s::int", [n]) for n in range(20)] == list(range(20))
            assert db.stats["returns_bad"] == 0

    asyncio.run(main())


def test_the_time_to_get_a_connection_holds_also_when_the_first_one_turns_out_dead(database: Database) -> None:
    with PooledDatabase(database.config, 1, 1, timeout=20) as db:
        db.wait()
        with db.connection(timeout=0.5) as conn:
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
