"""Round trips of transactions with options, counted on the wire."""

from __future__ import annotations

import asyncio
import pathlib
import sys
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

import pycopg
from pycopg import AsyncPooledDatabase, PooledDatabase

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "python"))

from counting_proxy import PORT, CountingProxy

OPTIONS: dict[str, Any] = {
    "isolation": "serializable",
    "settings": {"app.tenant": "7", "app.user": "8"},
    "role": "pg_monitor",
    "resolve_commit": True,
}
POOL: dict[str, Any] = {"min_size": 1, "max_size": 1, "resolve_commits": "on_request"}
STATEMENTS = 3
INSERT = "INSERT INTO pg_temp.paid VALUES (1)"
# It belongs to the session, so the pool must not clean it between the transactions that are counted.
CREATE = "CREATE TEMPORARY TABLE paid (a int); GRANT INSERT ON paid TO pg_monitor"


class Counted:
    def __init__(self, url: str, proxy: CountingProxy) -> None:
        self.url = url
        self._proxy = proxy

    def trips(self) -> int:
        self._proxy.wait_for_silence()
        return self._proxy.trips


@pytest.fixture
def counted(server_url: str, tmp_path: pathlib.Path) -> Iterator[Counted]:
    server = pycopg.Config.from_url(server_url)
    with CountingProxy(tmp_path, server.host, server.port) as proxy:
        address = f"host={urllib.parse.quote(str(tmp_path), safe='')}&port={PORT}"
        yield Counted(f"postgresql://{server.user}:{server.password}@/{server.database}?{address}", proxy)


def test_a_transaction_with_options_of_k_statements_costs_k_and_its_commit(counted: Counted) -> None:
    with PooledDatabase.from_url(counted.url, **POOL) as db, db.connection() as conn:
        conn.execute(CREATE)
        conn.commit()
        for _use in range(3):
            before = counted.trips()
            with conn.transaction(**OPTIONS):
                for _statement in range(STATEMENTS):
                    conn.execute(INSERT)
            assert counted.trips() - before == STATEMENTS + 1


def test_a_task_pays_no_more_for_a_transaction_with_options(counted: Counted) -> None:
    async def main() -> None:
        async with AsyncPooledDatabase.from_url(counted.url, **POOL) as db, db.connection() as conn:
            await conn.execute(CREATE)
            await conn.commit()
            for _use in range(3):
                before = counted.trips()
                async with conn.transaction(**OPTIONS):
                    for _statement in range(STATEMENTS):
                        await conn.execute(INSERT)
                assert counted.trips() - before == STATEMENTS + 1

    asyncio.run(main())
