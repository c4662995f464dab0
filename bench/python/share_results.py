"""The turns of all rounds of `scripts/bench share`, what they come to, and how they are kept in a file."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from histograms import Histogram, quantile, together

# Whoever is that far behind with the last answer has not kept up. Twice what a slow statement takes.
MOST_BEHIND_S = 0.1


@dataclass
class Turn:
    """Of one contender. The latencies of an open loop count from when a query was due."""

    offered: int  # queries
    dropped: int  # too many were outstanding
    scheduled_s: float  # from when the first was due to when the last was
    wall_s: float  # to the last answer
    cpu_s: float  # of the client's process, with all its threads
    shared: int = 0  # statements that travelled with others, as the pool counts them
    runs: int = 0
    isolated: int = 0
    fast: Histogram = field(default_factory=list)
    slow: Histogram = field(default_factory=list)

    @property
    def answered(self) -> int:
        return self.offered - self.dropped

    @property
    def offered_per_s(self) -> float:
        return self.offered / self.scheduled_s

    @property
    def per_s(self) -> float:
        return self.answered / self.wall_s

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / self.answered * 1e6

    @property
    def saturated(self) -> bool:
        return self.dropped > 0 or self.wall_s > self.scheduled_s + MOST_BEHIND_S

    @property
    def p50_us(self) -> float:
        return quantile(self.fast, 0.5)

    @property
    def p99_us(self) -> float:
        return quantile(self.fast, 0.99)

    @property
    def p999_us(self) -> float:
        return quantile(self.fast, 0.999)

    @property
    def slow_p50_us(self) -> float:
        return quantile(self.slow, 0.5)

    @property
    def slow_p99_us(self) -> float:
        return quantile(self.slow, 0.99)

    @property
    def shared_part(self) -> float:
        return self.shared / self.answered

    @property
    def run_length(self) -> float:
        return self.shared / self.runs if self.runs else 0.0

    @property
    def isolated_part(self) -> float:
        return self.isolated / self.answered


@dataclass
class Results:
    about: dict[str, str] = field(default_factory=dict)  # versions, the machine, its load
    # Scenario, contender, in the order of time. None: it was saturated at a lower rate in that round.
    turns: dict[str, dict[str, list[Turn | None]]] = field(default_factory=dict)

    def add(self, scenario: str, contender: str, turn: Turn | None) -> None:
        self.turns.setdefault(scenario, {}).setdefault(contender, []).append(turn)

    def has(self, scenario: str, contender: str) -> bool:
        return contender in self.turns.get(scenario, {})

    def taken(self, scenario: str, contender: str) -> list[Turn]:
        return [turn for turn in self.turns[scenario][contender] if turn]

    def beaten(self, scenario: str, contenders: Iterable[str]) -> list[str]:
        """Those that were saturated at a lower rate in every round."""
        return [one for one in contenders if self.has(scenario, one) and not self.taken(scenario, one)]

    def competing(self, scenario: str, contenders: Iterable[str]) -> list[str]:
        return [one for one in contenders if self.has(scenario, one) and self.taken(scenario, one)]

    def overloaded(self, scenario: str, contender: str) -> int:
        """In how many turns."""
        if scenario.startswith("closed"):
            return 0
        turns = self.turns[scenario][contender]
        return sum(turn is None or turn.saturated for turn in turns)

    def saturated(self, scenario: str, contender: str) -> bool:
        """In most of the turns: its latencies say nothing then, but for how long the turn was."""
        return self.overloaded(scenario, contender) * 2 > len(self.turns[scenario][contender])

    def telling(self, scenario: str, contender: str) -> list[Turn]:
        """The turns in which it was what it mostly was, saturated or not."""
        taken, saturated = self.taken(scenario, contender), self.saturated(scenario, contender)
        return taken if scenario.startswith("closed") else [turn for turn in taken if turn.saturated == saturated]

    def median(self, scenario: str, contender: str, value: str) -> float:
        return statistics.median(float(getattr(turn, value)) for turn in self.telling(scenario, contender))

    def ratio(self, scenario: str, contender: str, peer: str, value: str) -> float:
        """The median of the ratios in turns that followed each other: what else the machine did has hit both."""
        pairs = zip(self.turns[scenario][contender], self.turns[scenario][peer])
        return statistics.median(
            float(getattr(ours, value)) / float(getattr(theirs, value)) for ours, theirs in _both(pairs)
        )

    def latencies(self, scenario: str, contender: str) -> Histogram:
        return together(turn.fast for turn in self.telling(scenario, contender))

    def save(self, path: pathlib.Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self)) + "\n")

    @classmethod
    def load(cls, path: pathlib.Path) -> Results:
        kept = json.loads(path.read_text())
        results = cls(kept["about"])
        for scenario, contenders in kept["turns"].items():
            for contender, turns in contenders.items():
                for turn in turns:
                    results.add(scenario, contender, Turn(**turn) if turn else None)
        return results


def _both(pairs: Iterable[tuple[Turn | None, Turn | None]]) -> Iterator[tuple[Turn, Turn]]:
    for ours, theirs in pairs:
        if ours and theirs:
            yield ours, theirs
