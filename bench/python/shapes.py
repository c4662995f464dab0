"""What rows cost as dictionaries, tuples, dataclasses and other objects: CPU of a whole fetch, by `row=`.

The kinds take turns in one process. Up to Python 3.11 the look of the garbage collector that a fetch has put off is
counted with it. Needs a server in DATABASE_URL. Called by `scripts/bench shapes`, which provides it.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pycopg
from pycopg import rows

ROWS = 10_000
TARGET = 1.3  # of the CPU of dictionaries, for dataclasses
COLUMNS = """
n AS id, 'name ' || n AS name, CASE WHEN n % 3 > 0 THEN 'note ' || n END AS note, n % 2 = 0 AS ok,
n * 1.5::float8 AS score, n * 10000000000 AS big
"""


@dataclasses.dataclass
class Plain:
    id: int
    name: str
    note: str | None
    ok: bool
    score: float
    big: int


@dataclasses.dataclass(frozen=True)
class Frozen:
    id: int
    name: str
    note: str | None
    ok: bool
    score: float
    big: int


@dataclasses.dataclass
class PostInit(Plain):
    def __post_init__(self) -> None: ...


class Named(NamedTuple):
    id: int
    name: str
    note: str | None
    ok: bool
    score: float
    big: int


Slots = dataclasses.make_dataclass("Slots", ["id", "name", "note", "ok", "score", "big"], slots=True)  # type: ignore

KINDS: dict[str, Callable[..., Any]] = {
    "dict": dict,
    "tuple": tuple,
    "rows.namedtuple": rows.namedtuple,
    "NamedTuple": Named,
    "dataclass": Plain,
    "frozen": Frozen,
    "slots": Slots,
    "__post_init__": PostInit,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench shapes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="turns of each kind (40)")
    rounds = parser.parse_args().rounds
    sql = f"SELECT {COLUMNS} FROM generate_series(1, {ROWS}) AS n"
    took: dict[str, list[float]] = {name: [] for name in KINDS}
    with pycopg.PooledDatabase.from_url(os.environ["DATABASE_URL"], 1, 1) as db:
        for _ in range(rounds):
            for name, kind in KINDS.items():
                began = time.thread_time()
                fetched = db.execute(sql, row=kind)
                _collected = [[], []]  # type: ignore[var-annotated]
                took[name].append((time.thread_time() - began) / len(fetched) * 1e9)
                del fetched
    print(f"{ROWS:,} rows of 6 columns, {rounds} turns: CPU per row in ns, and x: to that of dictionaries. Medians.")
    for name, each in took.items():
        ratio = statistics.median(mine / its for mine, its in zip(each, took["dict"]))
        print(f"  {name:<16}{statistics.median(each):>6,.0f}{ratio:>8.2f}")
    print(f"to be reached for dataclasses: {TARGET}")


if __name__ == "__main__":
    main()
