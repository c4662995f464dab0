"""Nothing grows with the number of calls: neither Python's objects nor the process."""

from __future__ import annotations

import gc
import pathlib
import re
import sys
from collections.abc import Callable

import pytest

import pycopg
from pycopg import PooledDatabase


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
