"""The drill of docs/drill.md: five outages are staged, and all that the page quotes is compared with what was seen.

Numbers differ from one time to the next, and the page has those of one evening.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import pathlib
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

import pycopg
import shop
from conftest import eventually
from top_terminal import top

ROOT = pathlib.Path(__file__).parents[2]
LONG_S = 1.2  # how long a caller must have waited until the pool counts as unhealthy here


class Seen:
    """What everybody who looks sees at one moment of an outage."""

    def __init__(self, db: pycopg.PooledDatabase, monitor: Any, error: str) -> None:
        with urllib.request.urlopen(monitor.url + "stats.json") as answer:
            self.document = json.load(answer)["pools"][0]
        shown = top("--once", monitor.socket_path)
        assert shown.returncode == 0, shown.stderr
        self.top = shown.stdout
        self.metrics = pycopg.prometheus(db)
        self.error = error

    def everything(self) -> list[str]:
        return [*self.error.splitlines(), *self.top.splitlines(), *self.metrics.splitlines()]


def plain(line: str) -> str:
    """Without what differs from one time to the next: times, processes' numbers, folders, the spaces that align."""
    line = re.sub(r"\S*/tests/python/", "", line)
    line = re.sub(r'socket "[^"]*"', 'socket "S"', line)
    line = re.sub(r"\d\d:\d\d:\d\d|\d+(\.\d+)? (ms|us|s|min|h)\b|\d+\.\d+", "TIME", line)
    line = re.sub(r"\b(shop|session|ident|tid) \d+", r"\1 N", line)
    line = re.sub(r"\b(\d)\s+\d+\b", r"\1 N", line)  # a connection's number and its server process
    line = re.sub(r"(copg_connects_failed_total\S*) \d+", r"\1 N", line)
    return re.sub(r"\s+", " ", line).strip()


def quoted(heading: str) -> list[str]:
    """The lines of the blocks of text in a section of the page."""
    page = (ROOT / "docs" / "drill.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section, heading
    return [line for block in re.findall(r"```text\n(.*?)```", section[1], re.DOTALL) for line in block.splitlines()]


def compare(heading: str, seen: Seen, log: list[str]) -> None:
    """Each quoted line is there, whole: no sign of the outage is made up, or outdated."""
    there = {plain(line) for line in [*seen.everything(), *log]}
    lines = quoted(heading)
    assert len(lines) >= 4, "the section quotes the error, copg top, and the metrics"
    missing = [line for line in lines if plain(line) not in there]
    assert not missing, "\n".join(["the page quotes what was not seen:", *missing, "seen:", *seen.everything()])


@pytest.fixture
def database(server_url: str) -> Iterator[str]:
    """A database of the shop's, which is gone afterwards. A role of the shop's is there, too."""
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE shop")
        admin.execute("CREATE ROLE shop LOGIN PASSWORD 'shop'")
        url = re.sub(r"//[^/?]*/postgres", "//shop:shop@/shop", server_url)
        try:
            with psycopg.connect(server_url, dbname="shop", autocommit=True) as owner:
                owner.execute("CREATE TABLE orders AS SELECT generate_series(1, 3) AS id")
                owner.execute("CREATE TABLE payments (id int)")
                owner.execute("CREATE TABLE stock AS SELECT 7 AS item, 10 AS number")
                owner.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO shop")
            yield url
        finally:
            admin.execute("DROP DATABASE shop WITH (FORCE)")
            admin.execute("DROP ROLE shop")


@contextlib.contextmanager
def shop_pool(url: str, **options: Any) -> Iterator[tuple[pycopg.PooledDatabase, Any]]:
    events: dict[str, Any] = {"leak_after": 0.5, "held_idle_after": 0.5, **options}
    with (
        pycopg.PooledDatabase.from_url(url, 0, 2, name="shop", **events) as db,
        db.monitor(program="shop", held_idle_after=0.5, unhealthy_wait=LONG_S) as monitor,
    ):
        yield db, monitor
        db.close(timeout=0)


@contextlib.contextmanager
def busy(*calls: Callable[[], object]) -> Iterator[None]:
    """The calls, each on a thread, which may fail once the pool is closed."""

    def attempt(call: Callable[[], object]) -> None:
        with contextlib.suppress(Exception):
            call()

    threads = [threading.Thread(target=attempt, args=(call,), name="worker") for call in calls]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def look(db: pycopg.PooledDatabase, monitor: Any) -> Seen:
    """A customer waits in vain, and we look: first until the pool counts as unhealthy, then for the error."""
    errors: list[str] = []

    def customer() -> None:
        with pytest.raises(pycopg.PoolTimeout) as caught:
            shop.list_orders(db, timeout=4)
        errors.append(f"{type(caught.value).__name__}: {caught.value}")

    seen: list[Seen] = []

    def signs() -> bool:
        seen[:] = [Seen(db, monitor, "")]
        return not seen[0].document["health"]["ok"]

    with busy(customer):
        eventually(signs)
    [error] = errors
    last = Seen(db, monitor, error)
    last.document, last.top = seen[0].document, seen[0].top
    last.metrics = seen[0].metrics + last.metrics
    return last


def idle_for_a_while(db: pycopg.PooledDatabase) -> bool:
    """Nothing runs on either lease, and will not for as long as a customer waits."""
    leases = db.leases()
    return len(leases) == 2 and all(lease.idle > 0.1 and lease.running is None for lease in leases)


def test_a_leak(database: str, caplog: pytest.LogCaptureFixture) -> None:
    with shop_pool(database) as (db, monitor):
        for _ in range(2):
            threading.Thread(target=shop.remember, args=(db,), name="worker").start()
        eventually(lambda: idle_for_a_while(db))
        seen = look(db, monitor)
        assert all("shop.py" in lease["place"] and "remember" in lease["place"] for lease in seen.document["leases"])
        assert all(lease["held_idle"] for lease in seen.document["leases"])
        compare("A leak", seen, caplog.messages)
    with pytest.warns(ResourceWarning, match=r"never given back to pool 'shop' \(leased at .*shop.py:16\)"):
        shop.forgotten.clear()


def test_a_lease_held_over_an_http_call(database: str, caplog: pytest.LogCaptureFixture) -> None:
    answered = threading.Event()

    class Bank(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answered.wait(60)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    bank = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bank)
    serving = threading.Thread(target=bank.serve_forever, args=(0.01,))
    serving.start()
    url = f"http://127.0.0.1:{bank.server_address[1]}/"
    try:
        with shop_pool(database) as (db, monitor), busy(*[lambda: shop.pay(db, url)] * 2):
            eventually(lambda: idle_for_a_while(db))
            try:
                seen = look(db, monitor)
            finally:
                answered.set()
        assert all("in pay" in lease["place"] for lease in seen.document["leases"])
        assert all(lease["transaction"] == "open" for lease in seen.document["leases"])
        compare("A lease held over an HTTP call", seen, caplog.messages)
    finally:
        bank.shutdown()
        bank.server_close()
        serving.join()


def test_a_slow_query(database: str, caplog: pytest.LogCaptureFixture) -> None:
    with shop_pool(database) as (db, monitor), busy(*[lambda: shop.report(db)] * 2):
        eventually(lambda: db.stats["leased"] == 2)
        try:
            seen = look(db, monitor)
        finally:
            db.close(timeout=0)
    assert all("pg_sleep(60)" in lease["statement"] for lease in seen.document["leases"])
    assert not any(lease["held_idle"] for lease in seen.document["leases"])
    compare("A slow query", seen, caplog.messages)


def test_a_lock(database: str, server_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with psycopg.connect(server_url, dbname="shop", application_name="psql of an operator") as operator:
        operator.execute("UPDATE stock SET number = 0")
        with shop_pool(database) as (db, monitor), busy(*[lambda: shop.sell(db)] * 2):
            eventually(lambda: db.stats["leased"] == 2)
            try:
                seen = look(db, monitor)
                server = top("--once", "--database", server_url)
            finally:
                operator.rollback()
    assert all("UPDATE stock" in lease["statement"] for lease in seen.document["leases"])
    seen.top += server.stdout
    compare("A lock", seen, caplog.messages)


def test_a_server_that_refuses(database: str, server_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute("ALTER ROLE shop CONNECTION LIMIT 0")
        with shop_pool(database) as (db, monitor):
            seen = look(db, monitor)
    assert "too many connections for role" in seen.document["health"]["reason"]
    compare("A server that refuses", seen, caplog.messages)
