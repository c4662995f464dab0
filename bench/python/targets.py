"""What pycopg must reach next to its peers (the project's issue 4), and whether it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from results import Results
from scenarios import ASYNCPG, NO_DATABASE, PSYCOPG, PSYCOPG_AUTOCOMMIT, PYCOPG, PYCOPG_ROW_BY_ROW, PYCOPG_TASKS

Found = TypeVar("Found")


@dataclass(frozen=True)
class Target(Generic[Found]):
    text: str
    measured: Callable[[Found], float]  # KeyError: not measured
    bound: float
    at_most: bool = False

    def verdict(self, results: Found) -> str:
        try:
            value = self.measured(results)
        except KeyError:
            return f"not measured  {self.text}"
        reached = value <= self.bound if self.at_most else value >= self.bound
        sign = "at most" if self.at_most else "at least"
        word = "reached      " if reached else "NOT REACHED  "
        return f"{word} {self.text}: {value:.3g} ({sign} {self.bound:g})"


def _rate(scenario: str, peer: str, ours: str = PYCOPG) -> Callable[[Results], float]:
    return lambda results: results.ratio(scenario, ours, peer, "per_s")


def _cpu(scenario: str, peer: str, ours: str = PYCOPG) -> Callable[[Results], float]:
    return lambda results: results.ratio(scenario, ours, peer, "cpu_us")


def _trips(contender: str, call: str) -> Callable[[Results], float]:
    return lambda results: results.trips[contender][call]


def _trip_growth(contender: str) -> Callable[[Results], float]:
    """Of 10,000 rows over 100."""
    return lambda results: results.trips[contender]["insert_rows"] - results.trips[contender]["insert_100_rows"]


TARGETS = (
    Target("threads-10, queries/s by psycopg_pool's", _rate("threads-10", PSYCOPG), 5),
    Target("threads-10, CPU per query by psycopg_pool's", _cpu("threads-10", PSYCOPG), 0.2, at_most=True),
    Target("threads-10, queries/s by psycopg_pool's in autocommit", _rate("threads-10", PSYCOPG_AUTOCOMMIT), 2.5),
    Target("tasks-100, queries/s by asyncpg's", _rate("tasks-100", ASYNCPG), 2),
    Target("tasks-100, queries/s by psycopg_pool's", _rate("tasks-100", PSYCOPG), 4),
    Target("lease, us", lambda results: results.median("lease", PYCOPG, "p50_us"), 2, at_most=True),
    Target("rows, CPU by asyncpg's", _cpu("rows", ASYNCPG), 0.5, at_most=True),
    Target("rows, CPU by psycopg's", _cpu("rows", PSYCOPG), 0.55, at_most=True),
    Target("many, row by row, rows/s by asyncpg's", _rate("many", ASYNCPG, PYCOPG_ROW_BY_ROW), 1.2),
    Target("many, rows/s by asyncpg's, threads", _rate("many", ASYNCPG), 4),
    Target("many, rows/s by asyncpg's, asyncio", _rate("many", ASYNCPG, PYCOPG_TASKS), 4),
    Target("many, rows/s by psycopg's", _rate("many", PSYCOPG), 2),
    Target("fastapi, requests/s by those without a database", _rate("fastapi", NO_DATABASE), 0.55),
    Target("fastapi-uvloop, requests/s by those without a database", _rate("fastapi-uvloop", NO_DATABASE), 0.55),
    Target("flask, requests/s by those without a database", _rate("flask", NO_DATABASE), 0.75),
    *(
        Target(f"round trips, {kind}: {text}", _trips(f"{PYCOPG}, {kind}", call), bound, at_most=True)
        for kind in ("threads", "tasks")
        for text, call, bound in (
            ("execute", "execute", 1),
            ("fetch_one", "fetch_one", 1),
            ("fetch_val", "fetch_val", 1),
            ("connection() and one statement", "lease_and_select", 2),
        )
    ),
    *(
        Target(
            f"round trips, {kind}: execute_many of 10,000 rows more than of 100",
            _trip_growth(f"{PYCOPG}, {kind}"),
            0,
            at_most=True,
        )
        for kind in ("threads", "tasks")
    ),
)
