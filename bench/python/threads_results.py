"""The turns of all rounds of `scripts/bench threads`, what they come to, and how they are kept in a file."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import statistics
from dataclasses import dataclass, field

from histograms import Histogram, quantile, together


@dataclass
class Turn:
    """Of one contender."""

    count: int  # queries, transactions, leases
    wall_s: float
    cpu_s: float  # of the client's process, with all its threads
    context_switches: int
    longest_us: float
    latencies: Histogram = field(default_factory=list)  # not of leases alone
    before: int = 0  # queries that are not counted: those that began before every thread was there

    @property
    def per_s(self) -> float:
        return self.count / self.wall_s

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / self.count * 1e6

    @property
    def wall_ns(self) -> float:
        return self.wall_s / self.count * 1e9

    @property
    def cpu_ns(self) -> float:
        return self.cpu_us * 1e3

    @property
    def switches(self) -> float:
        return self.context_switches / self.count

    @property
    def p50_us(self) -> float:
        return quantile(self.latencies, 0.5)

    @property
    def p90_us(self) -> float:
        return quantile(self.latencies, 0.9)

    @property
    def p99_us(self) -> float:
        return quantile(self.latencies, 0.99)

    @property
    def p999_us(self) -> float:
        return quantile(self.latencies, 0.999)

    @property
    def p9999_us(self) -> float:
        return quantile(self.latencies, 0.9999)


@dataclass
class Results:
    about: dict[str, str] = field(default_factory=dict)  # versions, the machine, its load
    turns: dict[str, dict[str, list[Turn]]] = field(default_factory=dict)  # scenario, contender, in the order of time
    calls: dict[str, dict[str, float]] = field(default_factory=dict)  # scenario, contender: of the system, per query

    def add(self, scenario: str, contender: str, turn: Turn) -> None:
        self.turns.setdefault(scenario, {}).setdefault(contender, []).append(turn)

    def has(self, scenario: str, contender: str) -> bool:
        return contender in self.turns.get(scenario, {})

    def values(self, scenario: str, contender: str, value: str) -> list[float]:
        return [float(getattr(turn, value)) for turn in self.turns[scenario][contender]]

    def median(self, scenario: str, contender: str, value: str) -> float:
        return statistics.median(self.values(scenario, contender, value))

    def ratio(self, scenario: str, contender: str, peer: str, value: str) -> float:
        """The median of the ratios in turns that followed each other: what else the machine did has hit both."""
        pairs = zip(self.values(scenario, contender, value), self.values(scenario, peer, value))
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def latencies(self, scenario: str, contender: str) -> Histogram:
        return together(turn.latencies for turn in self.turns[scenario][contender])

    def save(self, path: pathlib.Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self)) + "\n")

    @classmethod
    def load(cls, path: pathlib.Path) -> Results:
        kept = json.loads(path.read_text())
        turns = {
            scenario: {contender: [Turn(**turn) for turn in turns] for contender, turns in contenders.items()}
            for scenario, contenders in kept["turns"].items()
        }
        return cls(kept["about"], turns, kept["calls"])
