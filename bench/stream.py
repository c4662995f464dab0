"""A million rows of 6 columns, read bit by bit: pycopg's streams beside psycopg's server-side cursor and asyncpg's.

Into dictionaries, which are dropped at once. Each reading is a process of its own, whose peak of memory is told; the
contestants take turns. In C++, copg's stream beside bare libpq in single-row mode. Needs a server in DATABASE_URL.
Called by `scripts/bench stream`, which provides it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROWS, SMALL = 1_000_000, 10_000
SQL = "SELECT id, name, price, active, at, n FROM bench_stream"
TABLE = f"""
DROP TABLE IF EXISTS bench_stream;
CREATE TABLE bench_stream AS SELECT i AS id, 'name ' || i AS name, i * 1.5::float8 AS price, i % 2 = 0 AS active,
  timestamptz '2024-01-01' + i * interval '1 second' AS at, i::int8 * 7 AS n FROM generate_series(1, {ROWS}) AS i;
VACUUM ANALYZE bench_stream
"""
# contestant, over which other, at least this many times as fast
TARGETS = [
    ("pycopg db.stream", "pycopg execute of 10,000", 1.0),
    ("pycopg db.stream", "psycopg server-side cursor", 3.0),
    # Server and reader take turns there: docs/adr/0049-a-stream-is-a-portal-inside-a-transaction.md.
    ("pycopg conn.stream, transaction", "psycopg server-side cursor", 2.5),
    ("pycopg async db.stream", "asyncpg cursor", 1.5),
    ("copg stream, C++", "libpq single-row mode, C++", 0.9),
]
PEAK_KIB = 64 * 1024


def pool_stream(url: str) -> int:
    import pycopg

    with pycopg.PooledDatabase.from_url(url, 1, 1) as db, db.stream(SQL) as rows:
        return sum(1 for _ in rows)


def transaction_stream(url: str) -> int:
    import pycopg

    with pycopg.PooledDatabase.from_url(url, 1, 1) as db, db.connection() as conn:
        return sum(1 for _ in conn.stream(SQL))


def execute(url: str) -> int:
    import pycopg

    count = 0
    with pycopg.PooledDatabase.from_url(url, 1, 1) as db:
        for _ in range(ROWS // SMALL):
            for _ in db.execute(f"{SQL} LIMIT {SMALL}"):
                count += 1
    return count


def async_stream(url: str) -> int:
    import pycopg

    async def main() -> int:
        count = 0
        async with pycopg.AsyncPooledDatabase.from_url(url, 1, 1) as db, db.stream(SQL) as rows:
            async for _ in rows:
                count += 1
        return count

    return asyncio.run(main())


def psycopg_cursor(url: str) -> int:
    import psycopg
    from psycopg.rows import dict_row

    with psycopg.connect(url, row_factory=dict_row) as conn, conn.cursor("bench") as cursor:
        cursor.itersize = 1000
        cursor.execute(SQL)
        return sum(1 for _ in cursor)


def asyncpg_cursor(url: str) -> int:
    import asyncpg

    async def main() -> int:
        count = 0
        conn = await asyncpg.connect(url)
        async with conn.transaction():
            async for row in conn.cursor(SQL, prefetch=1000):
                dict(row)
                count += 1
        await conn.close()
        return count

    return asyncio.run(main())


PYTHON = {
    "pycopg db.stream": pool_stream,
    "pycopg conn.stream, transaction": transaction_stream,
    "pycopg execute of 10,000": execute,
    "pycopg async db.stream": async_stream,
    "psycopg server-side cursor": psycopg_cursor,
    "asyncpg cursor": asyncpg_cursor,
}
PROGRAM = {"copg stream, C++": "copg", "libpq single-row mode, C++": "libpq"}


def take_turn(contestant: str) -> None:
    """In a process of its own: seconds, KiB, rows."""
    url = os.environ["DATABASE_URL"]
    began = time.perf_counter()
    count = PYTHON[contestant](url)
    took_s = time.perf_counter() - began
    status = pathlib.Path("/proc/self/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    print(took_s, peak, count)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench stream", description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--turn", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant (5)")
    arguments = parser.parse_args()
    if arguments.turn:
        take_turn(arguments.turn)
        return 0
    import pycopg

    with pycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as conn:
        for statement in TABLE.split(";"):
            conn.execute(statement)
    commands = {name: [sys.executable, "-B", __file__, "--turn", name] for name in PYTHON}
    if arguments.bin:
        program = str(arguments.bin / "copg-bench-stream")
        commands |= {name: [program, word] for name, word in PROGRAM.items()}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    peaks: dict[str, int] = dict.fromkeys(commands, 0)
    for _ in range(arguments.rounds):
        for name, command in commands.items():
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            if int(said[2]) != ROWS:
                raise SystemExit(f"{name} has read {said[2]} rows")
            seconds[name].append(float(said[0]))
            peaks[name] = max(peaks[name], int(said[1]))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"{name:33} {1e6 * median / ROWS:6.3f} µs a row, peak {peaks[name] / 1024:5.1f} MiB")
    print()
    reached = True
    for name, over, wanted in TARGETS:
        if name not in medians:
            continue
        ratio = medians[over] / medians[name]
        reached = reached and ratio >= wanted
        print(f"{name} is {ratio:.2f} x as fast as {over}; to be reached: {wanted}")
    small = all(peaks[name] < PEAK_KIB for name in medians if "stream" in name)
    print(f"memory of the streams below 64 MiB: {'yes' if small else 'no'}")
    return 0 if reached and small else 1


if __name__ == "__main__":
    raise SystemExit(main())
