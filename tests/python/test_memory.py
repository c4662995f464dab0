"""Nothing grows with the number of calls: neither Python's objects nor the process."""

from __future__ import annotations

import asyncio
import datetime
import gc
import pathlib
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pycopg
from pycopg import AsyncPooledDatabase, PooledDatabase


def blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


def resident_kb() -> int:
    match = re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())
    assert match
    return int(match[1])


def grows(call: Callable[[], object], times: int, warm_up: int = 300) -> tuple[int, int]:
    """What is left over after `times` calls: blocks of Python's, and kilobytes."""
    for _ in range(warm_up):
        call()
    blocks_before, kb_before = blocks(), resident_kb()
    for _ in range(times):
        call()
    return blocks() - blocks_before, resident_kb() - kb_before


class Watch:
    """Python's memory by its own account, the process's, and references to what every query touches."""

    # What CPython keeps for itself: free lists, resized tables, the watching.
    SLACK_BYTES = 64_000
    SLACK_KB = 6000
    SLACK_REFERENCES = 100

    def __init__(self, *objects: object) -> None:
        self.objects = objects
        tracemalloc.start()  # stopped by the fixture

    def begin(self) -> None:
        """After a warm-up under watch: what is exchanged from then on has been counted before."""
        self.references, self.bytes, self.kb = self.measure()
        self.before = tracemalloc.take_snapshot()

    def measure(self) -> tuple[list[int], int, int]:
        gc.collect()
        return [sys.getrefcount(one) for one in self.objects], tracemalloc.get_traced_memory()[0], resident_kb()

    def growth(self) -> str:
        """Since `begin`; nothing if there is none."""
        references, traced, kb = self.measure()
        if traced - self.bytes >= self.SLACK_BYTES:
            changes = tracemalloc.take_snapshot().compare_to(self.before, "lineno")[:5]
            return f"{traced - self.bytes} bytes of Python's:\n" + "\n".join(map(str, changes))
        for one, before, after in zip(self.objects, self.references, references):
            if abs(after - before) >= self.SLACK_REFERENCES:
                return f"references to {one!r}: {before} -> {after}"
        return f"{kb - self.kb} kB of the process" if kb - self.kb >= self.SLACK_KB else ""


@pytest.fixture
def tracing() -> Iterator[None]:
    yield
    tracemalloc.stop()


def refused(call: Callable[[], object]) -> Callable[[], None]:
    def expect_error() -> None:
        with pytest.raises((pycopg.Error, LookupError)):
            call()

    return expect_error


def test_no_call_leaves_anything_behind(users: PooledDatabase) -> None:
    def lease() -> None:
        with users.connection() as conn, conn.cursor() as cur:
            cur.execute("SELECT * FROM users WHERE id = %(id)s", {"id": 1})
            cur.fetchall()
            with conn.transaction():
                conn.execute("SELECT 1")

    def raising_rows() -> object:
        yield ["x"]
        raise LookupError

    everything = (
        "SELECT 1, 2.5::float8, 1.5::numeric, 'x', now(), now()::date, now()::time, gen_random_uuid(),"
        " '{\"a\":[1]}'::jsonb, ARRAY[1,NULL], "
        "'[1,2)'::int4range, '10.0.0.1'::inet, '\\xff'::bytea, interval '1 day', NULL, %s"
    )
    calls: dict[str, Callable[[], object]] = {
        "execute": lambda: users.execute(everything, ["x"]),
        "fetch_one": lambda: users.fetch_one("SELECT * FROM users WHERE id = %s", [1]),
        "fetch_val": lambda: users.fetch_val("SELECT %(a)s::int", {"a": 2}),
        "execute_many": lambda: users.execute_many("UPDATE users SET active = %s", [[True], [False]]),
        "lease": lease,
        "stats": lambda: users.stats,
        "query error": refused(lambda: users.execute("SELECT 1/%s::int", [0])),
        "bad parameter": refused(lambda: users.execute("SELECT %s", [object()])),
        "bad value": refused(lambda: users.execute("SELECT 'infinity'::date")),
        "bad source": refused(lambda: users.execute_many("SELECT %s", raising_rows())),  # type: ignore[arg-type]
        "wrong number": refused(lambda: users.execute("SELECT %s", [])),
    }
    for name, call in calls.items():
        left, kb = grows(call, 1500)
        assert left < 200, f"{name}: {left} blocks are left over"
        assert kb < 4000, f"{name}: {kb} kB are left over"


def test_a_hundred_thousand_queries(db: PooledDatabase) -> None:
    left, kb = grows(lambda: db.execute("SELECT %s AS a, 'x' AS b", [1]), 100_000, warm_up=5000)
    assert left < 200
    assert kb < 4000


def test_long_texts_are_not_kept(db: PooledDatabase) -> None:
    numbers = iter(range(10_000))
    _, kb = grows(lambda: db.execute(f"SELECT %s /* {next(numbers)} {'x' * 100_000} */", [1]), 500, warm_up=20)
    assert kb < 10_000


def test_pools_come_and_go(server_url: str) -> None:
    def one() -> None:
        with PooledDatabase.from_url(server_url, 1, 1, leak_after=60, reconnect_failed=print) as db:
            db.execute("SELECT 1")

    left, kb = grows(one, 60, warm_up=40)
    assert left < 200
    assert kb < 4000


def test_keys_are_shared_between_rows_and_results(db: PooledDatabase) -> None:
    sql = "SELECT n AS a_column_with_a_name FROM generate_series(1, 3) AS n"
    (first, *_, last), (other, *_) = db.execute(sql), db.execute(sql)
    key = next(iter(first))
    assert key is next(iter(last))
    assert key is next(iter(other))


SELECT = "SELECT %s::int AS number, %s AS name, %s::timestamptz AS at, NULL AS nothing, true AS flag, %s::float8 AS f"
PARAMS: list[Any] = [1_000_000, "a name", datetime.datetime(2024, 1, 31, tzinfo=datetime.timezone.utc), 0.5]
NAMED: dict[str, Any] = {"id": 1}
BY_NAME = "SELECT name FROM users WHERE id = %(id)s"
UPDATE, ROWS = "UPDATE users SET active = %s", [[True], [False]]
QUERIES_IN_TURN = 20
# Many at a time, so that they travel together and a million take minutes.
TASKS_IN_TURN, TASKS_IN_TURN_IF_SLOW = 100, 500
# What each query leaves behind shows in every part. What shows in one is a table of CPython's, such as that of interned
# strings, that was replaced by a larger one: 2 MB at once.
PARTS = 2
# What was touched by each query, so that a reference lost or kept by one shows in the sum.
TOUCHED = (SELECT, PARAMS, *PARAMS, NAMED, BY_NAME, ROWS, dict, datetime.datetime, None, True, sys.intern("number"))


def rounds(slow: bool, queries_in_turn: int) -> int:
    return (1_000_000 if slow else 50_000) // queries_in_turn // PARTS


@pytest.mark.usefixtures("tracing")
def test_nothing_grows_over_many_queries(users: PooledDatabase, slow: bool) -> None:
    def turn() -> None:
        for _ in range(14):
            users.execute(SELECT, PARAMS)
        assert users.fetch_one(BY_NAME, NAMED) == {"name": "Ada"}
        assert users.fetch_val("SELECT 1") == 1
        users.execute_many(UPDATE, ROWS)
        with users.connection() as conn, conn.cursor() as cur:
            cur.execute(SELECT, PARAMS)
            cur.fetchall()
        with pytest.raises(pycopg.DataError):
            users.execute("SELECT 1/%s::int", [0])
        users.execute("SELECT 1; SELECT 2")

    watch = Watch(*TOUCHED, users)
    for _ in range(200):
        turn()
    growth = []
    for _ in range(PARTS):
        watch.begin()
        for _ in range(rounds(slow, QUERIES_IN_TURN)):
            turn()
        growth.append(watch.growth())
    assert "" in growth, growth


@pytest.mark.usefixtures("tracing")
def test_nothing_grows_over_many_queries_of_tasks(server_url: str, users: PooledDatabase, slow: bool) -> None:
    tasks = TASKS_IN_TURN_IF_SLOW if slow else TASKS_IN_TURN

    async def main() -> None:
        async with AsyncPooledDatabase.from_url(server_url, 1, 4) as db:

            async def lease() -> None:
                async with db.connection() as conn:
                    cursor = await conn.execute(SELECT, PARAMS)
                    await cursor.fetchall()

            async def turn() -> None:
                others = (
                    db.fetch_one(BY_NAME, NAMED),
                    db.fetch_val("SELECT 1"),
                    db.execute_many(UPDATE, ROWS),
                    lease(),
                    db.execute("SELECT 1/%s::int", [0]),
                    asyncio.wait_for(db.execute("SELECT 1; SELECT 2"), 10),
                )
                alike = (db.execute(SELECT, PARAMS) for _ in range(tasks - len(others)))
                results = await asyncio.gather(*alike, *others, return_exceptions=True)
                failed = [result for result in results if isinstance(result, BaseException)]
                assert [type(error) for error in failed] == [pycopg.errors.DivisionByZero]

            watch = Watch(*TOUCHED, db)
            for _ in range(50):
                await turn()
            growth = []
            for _ in range(PARTS):
                watch.begin()
                for _ in range(rounds(slow, tasks)):
                    await turn()
                growth.append(watch.growth())
            assert "" in growth, growth

    asyncio.run(main())
