"""What is measured: scenarios, and the contenders of each. The order of contenders is that of their turns."""

from __future__ import annotations

from dataclasses import dataclass

from statements import USERS

PYCOPG, PYCOPG_TASKS = "pycopg", "pycopg asyncio"
PYCOPG_UNSHARED = "pycopg-unshared"
PYCOPG_ROW_BY_ROW = "pycopg row by row"
ASYNCPG, ASYNCPG_COPY = "asyncpg", "asyncpg COPY"
PSYCOPG, PSYCOPG_AUTOCOMMIT = "psycopg_pool", "psycopg_pool autocommit"
PSYCOPG_CHECK = "psycopg_pool with check"
NO_DATABASE = "no database"

# Module and class of each, with threads and with tasks.
WITH_THREADS = {
    PYCOPG: ("client_pycopg", "Threads"),
    PYCOPG_UNSHARED: ("client_pycopg", "UnsharedThreads"),
    PYCOPG_ROW_BY_ROW: ("client_pycopg", "RowByRowThreads"),
    PSYCOPG: ("client_psycopg", "Threads"),
    PSYCOPG_AUTOCOMMIT: ("client_psycopg", "AutocommitThreads"),
    PSYCOPG_CHECK: ("client_psycopg", "CheckingThreads"),
}
WITH_TASKS = {
    PYCOPG: ("client_pycopg", "Tasks"),
    PYCOPG_TASKS: ("client_pycopg", "Tasks"),
    PYCOPG_UNSHARED: ("client_pycopg", "UnsharedTasks"),
    ASYNCPG: ("client_asyncpg", "Tasks"),
    ASYNCPG_COPY: ("client_asyncpg", "CopyTasks"),
    PSYCOPG: ("client_psycopg", "Tasks"),
}


@dataclass(frozen=True)
class Contender:
    name: str
    tasks: bool = False  # asyncio; else threads

    @property
    def client(self) -> tuple[str, str]:
        return (WITH_TASKS if self.tasks else WITH_THREADS)[self.name]


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    contenders: tuple[Contender, ...]
    item: str = "query"  # what is counted
    method: str = "select"  # of the clients
    callers: int = 1
    items: int = 1  # in one call
    calls_per_time: int = 1  # calls that are too short are timed together
    web: str = ""  # the service that is put under load


def _threads(*names: str) -> tuple[Contender, ...]:
    return tuple(Contender(name) for name in names)


def _tasks(*names: str) -> tuple[Contender, ...]:
    return tuple(Contender(name, tasks=True) for name in names)


_MIXED = (Contender(PYCOPG), Contender(PYCOPG_TASKS, tasks=True), Contender(ASYNCPG, tasks=True), Contender(PSYCOPG))
_MANY = (Contender(PYCOPG_ROW_BY_ROW), *_MIXED, Contender(ASYNCPG_COPY, tasks=True))
_WEB = _tasks(PYCOPG, ASYNCPG, PSYCOPG, NO_DATABASE)

SCENARIOS = (
    *(
        Scenario(
            f"threads-{count}",
            f"point select, {count} thread{'s' if count > 1 else ''}",
            _threads(PYCOPG, PSYCOPG, PSYCOPG_AUTOCOMMIT),
            callers=count,
        )
        for count in (1, 10, 50)
    ),
    *(
        Scenario(
            f"tasks-{count}",
            f"point select, {count:,} task{'s' if count > 1 else ''}",
            _tasks(PYCOPG, ASYNCPG, PSYCOPG),
            callers=count,
        )
        for count in (1, 10, 100, 1000)
    ),
    Scenario(
        "lease",
        "with db.connection(): pass",
        _threads(PYCOPG, PSYCOPG, PSYCOPG_CHECK),
        item="lease",
        method="lease",
        calls_per_time=100,
    ),
    Scenario("rows", f"fetch {USERS:,} rows x 6", _MIXED, item="row", method="fetch_rows", items=USERS),
    Scenario("many", f"execute_many, {USERS:,} rows", _MANY, item="row", method="insert_rows", items=USERS),
    Scenario("fastapi", "FastAPI, wrk -c64", _WEB, item="request", web="fastapi"),
    Scenario("fastapi-uvloop", "FastAPI on uvloop, wrk -c64", _WEB, item="request", web="fastapi-uvloop"),
    Scenario(
        "flask",
        "Flask, gunicorn threads, wrk -c64",
        _threads(PYCOPG, PSYCOPG, NO_DATABASE),
        item="request",
        web="flask",
    ),
)
# Round trips are counted, once: they do not depend on the machine.
TRIPS = "trips"
TRIP_CONTENDERS = (
    *_threads(PYCOPG, PSYCOPG, PSYCOPG_AUTOCOMMIT, PSYCOPG_CHECK),
    *_tasks(PYCOPG, ASYNCPG, PSYCOPG),
)


def named(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def chosen(wanted: list[str]) -> list[str]:
    return among(wanted, [TRIPS, *(scenario.name for scenario in SCENARIOS)])


def among(wanted: list[str], names: list[str]) -> list[str]:
    """Those that are called so, or else begin so; all if nothing is wanted. ValueError for what is wanted in vain."""
    found = []
    for one in wanted:
        fitting = [name for name in names if name == one] or [name for name in names if name.startswith(one)]
        if not fitting:
            raise ValueError(f"no scenario begins with '{one}': there are {', '.join(names)}")
        found += fitting
    return [name for name in names if name in found] if wanted else names
