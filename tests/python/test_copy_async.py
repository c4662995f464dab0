"""COPY on asyncio and uvloop: what test_copy.py tests on threads, and what only tasks can do."""

from __future__ import annotations

import asyncio
import contextlib
import io
import pathlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import pycopg
from conftest import NextRound, Run, eventually_async, idle
from pycopg import AsyncPooledDatabase, PooledDatabase, TransactionStatus

ENDLESS = "SELECT generate_series(1, 100000000)"


@pytest.fixture(autouse=True)
def table(users: PooledDatabase) -> None:
    users.execute("CREATE TABLE jobs (id int PRIMARY KEY, label text)")


async def numbers(count: int, fail: bool = False) -> AsyncIterator[tuple[int, str]]:
    for number in range(count):
        if number % 1000 == 0:
            await NextRound()
        yield number, "x"
    if fail:
        raise LookupError


async def count(db: AsyncPooledDatabase) -> int:
    rows: int = await db.fetch_val("SELECT count(*) FROM jobs")
    return rows


def test_rows_of_iterables_of_both_kinds_go_in(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.copy_in("jobs", [(-1, "one"), [-2, None]]) == 2
        assert await db.copy_in("jobs", numbers(30_000)) == 30_000
        assert await db.copy_in("jobs", ((n, "y") for n in range(30_000, 60_000))) == 30_000
        async with db.connection() as conn:
            assert await conn.copy_in("jobs", [{"id": -3}], columns=["id"]) == 1
            assert conn.info.transaction_status is TransactionStatus.INTRANS
            await conn.rollback()
        assert await count(db) == 60_002

    run(body)


class AsyncFile:
    """As those of aiofiles."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = io.BytesIO(data)

    async def read(self, size: int, /) -> bytes:
        await NextRound()
        return self.data.read(size)

    async def write(self, data: bytes, /) -> int:
        await NextRound()
        return self.data.write(data)


def test_files_and_data_go_in_and_out(run: Run, tmp_path: pathlib.Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for n in range(40_000, 50_000):
            yield b"%d,z\n" % n

    async def body(db: AsyncPooledDatabase) -> None:
        path = tmp_path / "jobs.csv"
        path.write_text("id,label\n" + "".join(f"{n},ä\n" for n in range(20_000)), encoding="utf-8")
        with path.open("rb") as file:
            assert await db.copy_in("jobs", file, format="csv", header=True) == 20_000
        data = b"".join(b"%d,ae\n" % n for n in range(20_000, 40_000))
        assert await db.copy_in("jobs", AsyncFile(data), format="csv") == 20_000
        assert await db.copy_in("jobs", pieces(), format="csv") == 10_000
        assert await db.copy_in("jobs", [b"-1\tx\n"], format="text") == 1
        out = AsyncFile()
        assert await db.copy_out("SELECT id FROM jobs ORDER BY id", out) == 50_001
        assert out.data.getvalue() == b"".join(b"%d\n" % n for n in range(-1, 50_000))
        with path.open("w", encoding="utf-8") as text:
            assert await db.copy_out("jobs", text, format="csv", header=True) == 50_001
        assert path.read_text(encoding="utf-8").startswith("id,label\n0,ä\n")

    run(body)


def test_a_block_takes_rows_and_is_read(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            async with conn.copy("COPY jobs FROM STDIN") as copy:
                await copy.write(b"0\t")
                await copy.write("x\n")
                for n in range(1, 50_000):
                    await copy.write_row((n, "x"))
            assert copy.rowcount == 50_000
            async with conn.copy("COPY (SELECT * FROM jobs ORDER BY id) TO STDOUT") as copy:
                size = 0
                async for piece in copy:
                    assert piece.endswith(b"\n")
                    size += len(piece)
            assert copy.rowcount == 50_000
            assert size == 388_890
            async with conn.copy("COPY (SELECT * FROM jobs ORDER BY id LIMIT 2) TO STDOUT") as copy:
                assert [row async for row in copy.rows()] == [("0", "x"), ("1", "x")]

    run(body)


@pytest.mark.parametrize("rows", [numbers(70_000, fail=True), (n for n in [(1, "a"), None])], ids=["async", "sync"])
def test_a_source_that_fails_copies_nothing_and_the_connection_goes_on(server_url: str, users: Any, rows: Any) -> None:
    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, 1) as db:
            with pytest.raises((LookupError, pycopg.ProgrammingError)):
                await db.copy_in("jobs", rows)
            assert await count(db) == 0

    asyncio.run(main())


def test_errors_name_line_and_column(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        with pytest.raises(pycopg.errors.InvalidTextRepresentation) as raised:
            await db.copy_in("jobs", [(1, "a"), ("x", "b")])
        assert raised.value.diag.context == 'COPY jobs, line 2, column id: "x"'
        with pytest.raises(pycopg.DataError, match="row 1"):
            await db.copy_in("jobs", [(1, "a"), (2, "\0")])
        assert await count(db) == 0

    run(body)


def test_a_block_that_is_left_half_way_costs_no_connection(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            await conn.set_autocommit(True)
            pid = conn.info.backend_pid
            async with conn.copy(f"COPY ({ENDLESS}) TO STDOUT") as copy:
                await copy.read()
            with contextlib.suppress(LookupError):
                async with conn.copy("COPY jobs FROM STDIN") as copy:
                    await copy.write_row((1, "x"))
                    raise LookupError
            assert copy.rowcount == -1
            with pytest.raises(pycopg.InterfaceError, match="a COPY is open"):
                async with conn.copy("COPY jobs FROM STDIN") as copy:
                    await conn.execute("SELECT 1")
            assert await conn.fetch_val("SELECT pg_backend_pid()") == pid
        assert await count(db) == 0

    run(body)


def test_a_cancelled_task_copies_nothing_and_gives_its_connection_back(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        begun = asyncio.Event()

        async def endless() -> AsyncIterator[tuple[int, str]]:
            number = 0
            while True:
                number += 1
                if number == 20_000:
                    begun.set()
                if number % 1000 == 0:
                    await NextRound()
                yield number, "x"

        task = asyncio.create_task(db.copy_in("jobs", endless()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually_async(lambda: idle(db))
        assert await count(db) == 0
        with pytest.raises(pycopg.QueryTimeout):
            await db.copy_in("jobs", endless(), timeout=0.3)
        await eventually_async(lambda: idle(db))
        assert await count(db) == 0

    run(body)


def test_many_rows_go_in_binary_format_as_far_as_they_fit(run: Run) -> None:
    def rows(odd: Any) -> Iterator[Any]:
        for number in range(9000):
            yield odd if number == 5000 else (number, "x")

    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.copy_in("jobs", rows((-1, "y"))) == 9000
        await db.execute("TRUNCATE jobs")
        assert await db.copy_in("jobs", rows(("-2", "z"))) == 9000
        assert await db.fetch_val("SELECT label FROM jobs WHERE id = -2") == "z"
        await db.execute("TRUNCATE jobs")
        with pytest.raises(pycopg.errors.InvalidTextRepresentation, match="COPY jobs, line 5001"):
            await db.copy_in("jobs", rows(("x", "z")))
        assert await count(db) == 0

    run(body)


def test_a_pool_with_a_check_copies_as_well(run: Run) -> None:
    async def check(conn: pycopg.AsyncConnection) -> None:
        await conn.execute("SELECT 1")

    async def body(db: AsyncPooledDatabase) -> None:
        assert await db.copy_in("jobs", [(1, "a")]) == 1
        out = io.BytesIO()
        assert await db.copy_out("jobs", out) == 1
        assert out.getvalue() == b"1\ta\n"

    run(body, check=check)
