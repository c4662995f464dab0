"""The results of `scripts/bench share` as tables of text."""

from __future__ import annotations

import math
from collections.abc import Iterator

import command
import share_scenarios
import share_targets
from share_results import Results

LAYOUT = "  {:<16} {:>10} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7} {:>5} {:>9}"
HEADER = (
    "contender", "offered/s", "answered/s", "CPU us", "p50 us", "p99 us", "p99.9 us", "slow p50", "slow p99", "shared",
    "run", "isolated",
)  # fmt: skip
LATENCIES = ("p50_us", "p99_us", "p999_us", "slow_p50_us", "slow_p99_us")


EXPLAINED = (
    "Medians of the turns, which were taken by all in turn. CPU: of the client's process, for each answer.",
    "Latencies: of the fast statements, and of the slow ones; in an open loop from when a query was due.",
    "Saturated: it did not keep up with what came, so its latencies would only tell for how long. Shared:",
    "statements that travelled with others, and how many in a run; isolated: that waited and went alone, being",
    "known to be slow.",
)


def of(results: Results) -> Iterator[str]:
    tables = (_scenario(results, scenario) for scenario in share_scenarios.SCENARIOS if scenario.name in results.turns)
    reached = "To be reached (0: only copg kept up; inf: only it did not; not measured: neither did):"
    verdicts = (target.verdict(results) for target in share_targets.TARGETS)
    return command.report(results.about, EXPLAINED, tables, reached, verdicts)


def _scenario(results: Results, scenario: share_scenarios.Scenario) -> Iterator[str]:
    yield f"{scenario.name}: {scenario.title}; {scenario.connections} connections"
    yield LAYOUT.format(*HEADER)
    for contender in results.competing(scenario.name, scenario.contenders):
        yield _line(results, scenario, contender).rstrip()
    if beaten := results.beaten(scenario.name, scenario.contenders):
        yield f"  saturated at a lower rate: {', '.join(beaten)}"


def _line(results: Results, scenario: share_scenarios.Scenario, contender: str) -> str:
    def median(value: str, form: str = ",.0f", unless: float = math.nan) -> str:
        found = results.median(scenario.name, contender, value)
        return "" if math.isnan(found) or found == unless else format(found, form)

    latencies = [median(value) for value in LATENCIES]
    overloaded = results.overloaded(scenario.name, contender)
    if results.saturated(scenario.name, contender):
        latencies = ["saturated", "", "", "", ""]
    line = LAYOUT.format(
        contender,
        "" if scenario.clients else median("offered_per_s"),
        median("per_s"),
        median("cpu_us", ".2f"),
        *latencies,
        median("shared_part", ".0%", 0),
        median("run_length", ".1f", 0),
        median("isolated_part", ".1%", 0),
    )
    turns = len(results.turns[scenario.name][contender])
    return f"{line}  saturated in {overloaded} of {turns} turns" if overloaded else line
