"""Ten statements in one flush: execute_all beside psycopg's pipeline mode, and beside ten calls.

The contestants take turns in short slices. A ratio is the peer's time to that of execute_all in the same round; the
medians are shown with the middle half of the rounds. Needs a server in DATABASE_URL, on this machine: over a network
the calls one by one cost ten times its delay. Called by `scripts/bench pipelines`, which provides the server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable

import psycopg

import pycopg

TABLE = "copg_bench_pipelines"
SELECT = f"SELECT id, name FROM {TABLE} WHERE id = %s"
UPDATE = f"UPDATE {TABLE} SET n = n + %s WHERE id = %s"
OURS = "execute_all"


def statements(count: int) -> list[tuple[str, list[int]]]:
    return [(SELECT, [n]) if n % 2 else (UPDATE, [1, n]) for n in range(count)]


def compare(rounds: int, calls: int, contestants: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """The time of a call in each round, in seconds."""
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        order = list(contestants.items())
        for name, work in order if number % 2 else reversed(order):
            began = time.perf_counter()
            for _ in range(calls):
                work()
            if number > 0:  # the first round warms up
                took[name].append((time.perf_counter() - began) / calls)
    return took


def show(took: dict[str, list[float]]) -> None:
    print(f"  {'':<34}{'us a call':>10}{'ratio to ' + OURS:>28}")
    for name, times in took.items():
        ratios = [theirs / ours for theirs, ours in zip(times, took[OURS])]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        ratio = "" if name == OURS else f"{middle:.2f} ({low:.2f}-{high:.2f})"
        print(f"  {name:<34}{statistics.median(times) * 1e6:>10.1f}{ratio:>28}", flush=True)


def run(url: str, db: pycopg.PooledDatabase, arguments: argparse.Namespace) -> None:
    given = statements(arguments.statements)
    peer = psycopg.connect(url, autocommit=True)

    def psycopg_pipeline() -> None:
        with peer.pipeline(), peer.transaction():
            cursors = [peer.execute(query, params) for query, params in given]
        for cursor in cursors:
            if cursor.description is not None:
                cursor.fetchall()

    def psycopg_one_by_one() -> None:
        with peer.transaction():
            for query, params in given:
                cursor = peer.execute(query, params)
                if cursor.description is not None:
                    cursor.fetchall()

    def all_or_none() -> None:
        for answer in db.execute_all(given):
            _ = answer.rows

    def each_its_own() -> None:
        for answer in db.execute_all(given, transaction=False):
            if isinstance(answer, pycopg.Answer):
                _ = answer.rows

    def one_by_one() -> None:
        with db.transaction() as conn:
            for query, params in given:
                conn.fetch_all(query, params)

    def calls() -> None:
        for query, params in given:
            db.execute(query, params)

    try:
        took = compare(
            arguments.rounds,
            arguments.calls,
            {
                OURS: all_or_none,
                "execute_all, each its own": each_its_own,
                "pycopg, calls of the pool": calls,
                "pycopg, one by one in transaction": one_by_one,
                "psycopg, pipeline in transaction": psycopg_pipeline,
                "psycopg, one by one in transaction": psycopg_one_by_one,
            },
        )
        print(f"{arguments.statements} statements, {arguments.rounds} rounds of {arguments.calls} calls\n")
        show(took)
    finally:
        peer.close()


async def run_async(url: str, arguments: argparse.Namespace) -> None:
    """The same for asyncio, as far as the peer has it."""
    given = statements(arguments.statements)
    peer = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with pycopg.AsyncPooledDatabase.from_url(url, min_size=1, max_size=1) as db:

        async def ours() -> None:
            for answer in await db.execute_all(given):
                _ = answer.rows

        async def theirs() -> None:
            async with peer.pipeline(), peer.transaction():
                cursors = [await peer.execute(query, params) for query, params in given]
            for cursor in cursors:
                if cursor.description is not None:
                    await cursor.fetchall()

        took: dict[str, list[float]] = {OURS: [], "psycopg, pipeline in transaction": []}
        for number in range(arguments.rounds + 1):
            order = list(zip(took, (ours, theirs)))
            for name, work in order if number % 2 else reversed(order):
                began = time.perf_counter()
                for _ in range(arguments.calls):
                    await work()
                if number > 0:
                    took[name].append((time.perf_counter() - began) / arguments.calls)
    await peer.close()
    print("\nasyncio\n")
    show(took)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench pipelines", description=__doc__)
    parser.add_argument("--statements", type=int, default=10, help="of a call (10)")
    parser.add_argument("--calls", type=int, default=100, help="of a contestant in a round (100)")
    parser.add_argument("--rounds", type=int, default=30, help="turns of each contestant (30)")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    url = os.environ["DATABASE_URL"]
    with pycopg.PooledDatabase.from_url(url, 1, 1, timeout=60) as db:
        db.execute(
            f"DROP TABLE IF EXISTS {TABLE};"
            f"CREATE UNLOGGED TABLE {TABLE} (id int PRIMARY KEY, name text, n int DEFAULT 0);"
            f"INSERT INTO {TABLE} (id, name) SELECT i, 'name ' || i FROM generate_series(0, 999) i"
        )
        try:
            run(url, db, arguments)
            asyncio.run(run_async(url, arguments))
        finally:
            db.execute(f"DROP TABLE {TABLE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
