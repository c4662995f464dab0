"""The results of all rounds, their medians, and how they are kept in a file."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import statistics
from dataclasses import dataclass, field

import scenarios
from load import Measurement


@dataclass
class Results:
    about: dict[str, str] = field(default_factory=dict)  # versions, the machine, its load
    runs: dict[str, dict[str, list[Measurement]]] = field(default_factory=dict)  # scenario, contender, one per round
    trips: dict[str, dict[str, int]] = field(default_factory=dict)  # key_of a contender, call

    def add(self, scenario: str, contender: str, run: Measurement) -> None:
        self.runs.setdefault(scenario, {}).setdefault(contender, []).append(run)

    def has(self, scenario: str, *contenders: str) -> bool:
        return all(self.runs.get(scenario, {}).get(contender) for contender in contenders)

    def median(self, scenario: str, contender: str, value: str) -> float:
        return statistics.median(float(getattr(run, value)) for run in self.runs[scenario][contender])

    def ratio(self, scenario: str, contender: str, peer: str, value: str) -> float:
        """The median of the rounds' ratios: what else the machine did in a round has hit both."""
        pairs = zip(self.runs[scenario][contender], self.runs[scenario][peer])
        return statistics.median(float(getattr(ours, value)) / float(getattr(theirs, value)) for ours, theirs in pairs)

    def trips_of(self, scenario: scenarios.Scenario, contender: scenarios.Contender) -> int | None:
        return self.trips.get(key_of(contender), {}).get(scenario.method)

    def save(self, path: pathlib.Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: pathlib.Path) -> Results:
        kept = json.loads(path.read_text())
        runs = {
            scenario: {contender: [Measurement(**run) for run in runs] for contender, runs in contenders.items()}
            for scenario, contenders in kept["runs"].items()
        }
        return cls(kept["about"], runs, kept["trips"])


def key_of(contender: scenarios.Contender) -> str:
    return f"{contender.name}, {'tasks' if contender.tasks else 'threads'}"
