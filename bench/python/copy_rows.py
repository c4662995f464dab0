"""COPY in: rows from Python beside psycopg's and asyncpg's, and a CSV file beside psql's \\copy.

The contestants take turns, and each turn starts with an empty table. A ratio is the peer's time to pycopg's of the same
round; the medians are shown with the middle half of the rounds. Client CPU is that of this process; the server's is
its processes', if it runs here. Needs a server in DATABASE_URL. Called by `scripts/bench copy`, which provides it.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import asyncpg
import psycopg

import pycopg

TABLE = "copg_bench_copy"
COLUMNS = "id int8, name text, amount float8, active bool, at timestamptz"
TO_REACH = {"asyncpg": 1.5, "psycopg": 3.0, "psql": 0.9}


class Turn:
    """One run of one contestant: seconds on the clock, of this process's CPU, of the server's."""

    def __init__(self, work: Callable[[], object]) -> None:
        own, server, began = own_cpu(), server_cpu(), time.perf_counter()
        work()
        self.wall = time.perf_counter() - began
        self.own, self.server = own_cpu() - own, server_cpu() - server


def own_cpu() -> float:
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


def server_cpu() -> float:
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().rsplit(")", 1)
        except OSError:
            continue
        if name.endswith("(postgres"):
            ticks += sum(map(int, rest.split()[11:15]))  # with those of children that have ended
    return ticks / os.sysconf("SC_CLK_TCK")


def made_rows(count: int) -> Iterator[tuple[int, str, float, bool, datetime.datetime]]:
    begin = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    for n in range(count):
        yield n, f"customer {n}", n * 1.25, n % 3 == 0, begin + datetime.timedelta(seconds=n)


def compare(
    db: pycopg.PooledDatabase, rounds: int, expected: int, contestants: dict[str, Callable[[], object]]
) -> dict[str, list[Turn]]:
    turns: dict[str, list[Turn]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        order = list(contestants.items())
        for name, work in order if number % 2 else reversed(order):
            db.execute(f"TRUNCATE {TABLE}")
            turn = Turn(work)
            copied = db.fetch_val(f"SELECT count(*) FROM {TABLE}")
            if copied != expected:
                raise RuntimeError(f"{name} has copied {copied} rows of {expected}")
            if number > 0:  # the first round warms up
                turns[name].append(turn)
    return turns


def quartiles(values: list[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def show(turns: dict[str, list[Turn]], ours: str, reach: dict[str, float]) -> list[str]:
    print(f"  {'':<22}{'seconds':>9}{'client CPU':>12}{'server CPU':>12}{'ratio to ' + ours:>28}")
    reached = []
    for name, ran in turns.items():
        ratios = [peer.wall / own.wall for peer, own in zip(ran, turns[ours])]
        low, middle, high = quartiles(ratios)
        own, server, wall = (statistics.median(getattr(it, what) for it in ran) for what in ("own", "server", "wall"))
        ratio = "" if name == ours else f"{middle:.2f} ({low:.2f}-{high:.2f})"
        print(f"  {name:<22}{wall:>9.2f}{own:>12.2f}{server:>12.2f}{ratio:>28}", flush=True)
        for peer, least in reach.items():
            if name.startswith(peer):
                reached.append(f"{ours}: {middle:.2f} x as fast as {name}, to be reached: {least}")
    return reached


def rows_of_python(url: str, db: pycopg.PooledDatabase, count: int, rounds: int) -> list[str]:
    rows = list(made_rows(count))
    loop = asyncio.new_event_loop()
    theirs = loop.run_until_complete(asyncpg.connect(url))
    peer = psycopg.connect(url, autocommit=True)

    def write_rows() -> None:
        with db.connection() as conn, conn.copy(f"COPY {TABLE} FROM STDIN", timeout=600) as copy:
            for row in rows:
                copy.write_row(row)

    def psycopg_rows() -> None:
        with peer.cursor() as cursor, cursor.copy(f"COPY {TABLE} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def asyncpg_rows() -> None:
        loop.run_until_complete(theirs.copy_records_to_table(TABLE, records=rows))

    print(f"\n{count:,} tuples ({COLUMNS}), {rounds} rounds")
    try:
        turns = compare(
            db,
            rounds,
            count,
            {
                "pycopg copy_in": lambda: db.copy_in(TABLE, rows, timeout=600),
                "pycopg write_row": write_rows,
                "asyncpg records": asyncpg_rows,
                "psycopg write_row": psycopg_rows,
            },
        )
    finally:
        loop.run_until_complete(theirs.close())
        loop.close()
        peer.close()
    reached = show(turns, "pycopg copy_in", TO_REACH)
    print()
    show({name: ran for name, ran in turns.items() if name.endswith("write_row")}, "pycopg write_row", {})
    return reached


def csv_file(url: str, db: pycopg.PooledDatabase, megabytes: int, rounds: int) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="copg-bench-") as folder:
        path = pathlib.Path(folder) / "rows.csv"
        count = 0
        with path.open("w") as file:
            while file.tell() < megabytes * 1_000_000:
                file.writelines(
                    f'{count + n},"customer {count + n}",{n}.25,{"t" if n % 3 else "f"},2024-01-01 00:00:00+00\n'
                    for n in range(10_000)
                )
                count += 10_000

        def copy_in() -> None:
            with path.open("rb") as file:
                db.copy_in(TABLE, file, format="csv", timeout=600)

        def psql() -> None:
            command = f"\\copy {TABLE} FROM '{path}' (FORMAT csv)"
            subprocess.run(["psql", "-qX", url, "-c", command], check=True, stdout=subprocess.DEVNULL)

        print(f"\nA CSV file of {path.stat().st_size / 1e6:.0f} MB, {count:,} rows, {rounds} rounds")
        return show(
            compare(db, rounds, count, {"pycopg copy_in": copy_in, "psql \\copy": psql}), "pycopg copy_in", TO_REACH
        )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench copy", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="tuples of a turn (1000000)")
    parser.add_argument("--megabytes", type=int, default=200, help="of the CSV file (200); 0: leave it out")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant (5)")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    url = os.environ["DATABASE_URL"]
    with pycopg.PooledDatabase.from_url(url, 1, 2, timeout=60) as db:
        db.execute(f"DROP TABLE IF EXISTS {TABLE}; CREATE UNLOGGED TABLE {TABLE} ({COLUMNS})")
        try:
            reached = rows_of_python(url, db, arguments.rows, arguments.rounds)
            if arguments.megabytes > 0:
                reached += csv_file(url, db, arguments.megabytes, arguments.rounds)
        finally:
            db.execute(f"DROP TABLE {TABLE}")
    print("\n" + "\n".join(reached))
    return 0


if __name__ == "__main__":
    sys.exit(main())
