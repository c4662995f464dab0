"""Several hosts that are left to libpq: it takes the first that lets it in, or that is of the kind it is asked for."""

from __future__ import annotations

import asyncio
import pathlib
from dataclasses import replace

import pytest

import pycopg
from pycopg import Config


def behind_nobody(server_url: str, folder: pathlib.Path, **options: str) -> Config:
    """The server, and in front of it a host where nobody listens."""
    config = Config.from_url(server_url)
    return replace(config, host=f"{folder},{config.host}", options=config.options | options)


@pytest.mark.parametrize("options", [{"target_session_attrs": "any"}, {"target_session_attrs": "read-write"}])
def test_several_hosts_are_libpqs_to_choose_from(
    server_url: str, tmp_path: pathlib.Path, options: dict[str, str]
) -> None:
    config = behind_nobody(server_url, tmp_path, **options)
    with pycopg.PooledDatabase(config, 1, 2) as db:
        assert db.fetch_val("SELECT 1") == 1
        assert db.stats["pool_max"] == 2

    async def main() -> None:
        async with pycopg.AsyncPooledDatabase(config, 1, 2) as async_db:
            assert await async_db.fetch_val("SELECT 1") == 1

    asyncio.run(main())


def test_a_server_of_another_kind_is_not_taken(server_url: str, tmp_path: pathlib.Path) -> None:
    config = behind_nobody(server_url, tmp_path, target_session_attrs="standby")
    with pycopg.PooledDatabase(config, 0, 1, timeout=0.3) as db, pytest.raises(pycopg.PoolTimeout, match="standby"):
        db.fetch_val("SELECT 1")
