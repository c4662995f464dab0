"""What `scripts/bench threads` measures: scenarios, and who takes part in each, in the order of their turns."""

from __future__ import annotations

from dataclasses import dataclass

import scenarios

FAIR, LIFO, LIBPQXX = "fair", "lifo", "libpqxx"
COPG, COPG_UNSHARED = "copg", "copg-unshared"
IN_PYTHON = (scenarios.PYCOPG_UNSHARED, scenarios.PYCOPG)
CONTENDERS = (FAIR, LIFO, LIBPQXX, COPG_UNSHARED, COPG, *IN_PYTHON)
LEASING = (FAIR, LIFO, LIBPQXX, COPG, scenarios.PYCOPG)  # nothing is shared between leases
BARE_LEASING = (FAIR, LIFO, COPG)

SELECT, LEASE_SELECT, TRANSACTION, LEASE, BURSTS = "select", "lease-select", "transaction", "lease", "bursts"
TITLES = {
    SELECT: "point select",
    LEASE_SELECT: "a lease, one point select",
    TRANSACTION: "a transaction of two point selects",
    LEASE: "a lease and nothing else, in a loop",
    BURSTS: "64 leases in a row, begun with every connection taken",
}
NAMES = {LEASE: "leases", BURSTS: "leases-in-bursts"}  # of scenarios, where that is not the work's
CONNECTIONS = 10
COUNTS = (1, 10, 20, 50, 100, 300, 1000)


@dataclass(frozen=True)
class Scenario:
    work: str
    threads: int
    connections: int
    contenders: tuple[str, ...] = CONTENDERS
    apart: bool = False  # client and server have processors of their own

    @property
    def name(self) -> str:
        return f"{NAMES.get(self.work, self.work)}-{self.threads}-on-{self.connections}{'-apart' if self.apart else ''}"

    @property
    def title(self) -> str:
        where = ", processors apart" if self.apart else ""
        return f"{TITLES[self.work]}{where}; {self.threads:,} thread{'s' if self.threads > 1 else ''}"

    @property
    def asks(self) -> bool:
        """The server, each time; else it is about leases alone, which are too short to be timed one by one."""
        return self.work not in (LEASE, BURSTS)


SCENARIOS = (
    *(Scenario(SELECT, threads, connections) for threads in COUNTS for connections in (CONNECTIONS, 4)),
    *(Scenario(SELECT, threads, CONNECTIONS, apart=True) for threads in (20, 100)),
    *(Scenario(work, threads, CONNECTIONS, LEASING) for work in (LEASE_SELECT, TRANSACTION) for threads in (20, 100)),
    Scenario(LEASE, 1, 8, BARE_LEASING),
    Scenario(LEASE, 8, 8, BARE_LEASING),
    Scenario(LEASE, 8, 4, BARE_LEASING),
    Scenario(BURSTS, 8, 4, BARE_LEASING),
)


def named(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)
