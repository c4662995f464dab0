"""What `scripts/bench share` measures: scenarios, and who takes part in each, in the order of their turns.

Slow statements hold connections: of 50 ms and one in a hundred, they are at work on rate / 2,000 connections at any
time. Ten connections are enough for 10,000/s; above that the pool of every contender is a third larger than what they
hold, since with ten there would be nothing to see but a queue that grows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import scenarios
from statements import SLOW_S

BARE, COPG, COPG_UNSHARED = "bare", "copg", "copg-unshared"
IN_CPP = (BARE, COPG_UNSHARED, COPG)
IN_PYTHON = (scenarios.PYCOPG_UNSHARED, scenarios.PYCOPG, scenarios.ASYNCPG, scenarios.PSYCOPG)
CONTENDERS = (*IN_CPP, *IN_PYTHON)
CONNECTIONS = 10
SLOW_PART = 0.01
ROOM = 4 / 3  # connections for each that slow statements hold
CAPACITY_CLIENTS = 100  # of the closed loop that finds out what a contender can do
CAPACITY_PART = 0.7


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    contenders: tuple[str, ...] = CONTENDERS
    clients: int = 0  # of a closed loop
    rate: int = 0  # of an open loop
    slow_part: float = 0.0
    turns: int = 1  # of each contender in a round

    @property
    def of_capacity(self) -> bool:
        """An open loop at CAPACITY_PART of what COPG_UNSHARED can do."""
        return not self.clients and not self.rate

    @property
    def connections(self) -> int:
        return max(CONNECTIONS, math.ceil(self.rate * self.slow_part * SLOW_S * ROOM))


def _closed(clients: int, contenders: tuple[str, ...] = CONTENDERS) -> Scenario:
    title = f"closed loop, {clients:,} client{'s' if clients > 1 else ''}"
    return Scenario(f"closed-{clients}", title, contenders, clients=clients, turns=6)


def _open(rate: int, slow_part: float) -> Scenario:
    title = f"open loop, {rate:,}/s"
    if slow_part:
        title += f", {slow_part:.0%} of {SLOW_S * 1e3:.0f} ms"
    name = f"open-{rate}" + ("-slow" if slow_part else "")
    return Scenario(name, title, rate=rate, slow_part=slow_part)


SCENARIOS = (
    _closed(1, IN_CPP),
    *(_closed(clients) for clients in (10, 100, 1000)),
    Scenario("open-70", f"open loop at {CAPACITY_PART:.0%} of what {COPG_UNSHARED} can do", IN_CPP, turns=2),
    *(_open(rate, slow_part) for rate in (5_000, 10_000, 30_000, 60_000) for slow_part in (0.0, SLOW_PART)),
)


def named(name: str) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def easier(scenario: Scenario) -> list[str]:
    """The same at lower rates: who could not keep up there is not asked to here."""
    return [
        one.name
        for one in SCENARIOS
        if scenario.rate and 0 < one.rate < scenario.rate and one.slow_part == scenario.slow_part
    ]
