"""A program sees the names that tests/layering/faces.py reads out of the sources."""

from __future__ import annotations

import asyncio
import importlib.util
import pathlib
import sys
from typing import Any

import pycopg

ROOT = pathlib.Path(__file__).parents[2]


def reader() -> Any:
    path = ROOT / "tests" / "layering" / "faces.py"
    spec = importlib.util.spec_from_file_location("faces", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["faces"] = module  # where dataclasses look
    spec.loader.exec_module(module)
    return module


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def test_what_is_read_out_of_the_sources_is_what_a_program_sees(server_url: str) -> None:
    faces = reader().Faces(ROOT)

    async def on_a_loop() -> dict[str, object]:
        async with pycopg.AsyncPooledDatabase.from_url(server_url, 1, 1) as db, db.connection() as connection:
            return {
                "AsyncPooledDatabase": db,
                "AsyncConnection": connection,
                "AsyncTransaction": connection.transaction(),
                "AsyncCursor": connection.cursor(),
                "AsyncServerCursor": connection.cursor("rows"),
            }

    seen = asyncio.run(on_a_loop())
    with pycopg.PooledDatabase.from_url(server_url, 1, 1) as db, db.connection() as connection:
        seen["PooledDatabase"] = db
        seen["Connection"] = connection
        seen["Transaction"] = connection.transaction()
        seen["Cursor"] = connection.cursor()
        seen["ServerCursor"] = connection.cursor("rows")
        for name, thing in seen.items():
            assert public(thing) == faces.names(f"pycopg.{name}"), name
