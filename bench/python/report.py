"""The results as tables of text."""

from __future__ import annotations

from collections.abc import Iterator

import command
import scenarios
import targets
from results import Results

HEADER = ("contender", "per s", "(range)", "p50 us", "p99 us", "CPU us", "trips", "x per s", "x CPU")
LAYOUT = "  {:<24} {:>10} {:>19} {:>10} {:>10} {:>9} {:>6} {:>8} {:>7}"


EXPLAINED = (
    "Medians of the rounds, which were run in turns. CPU: of the client's process, per item. Trips: round trips",
    "of a call, counted on the wire. x: the median of pycopg's ratio to this contender, round by round.",
)


def of(results: Results) -> Iterator[str]:
    tables = [_scenario(results, scenario) for scenario in scenarios.SCENARIOS if scenario.name in results.runs]
    if results.trips:
        tables.append(_trips(results))
    verdicts = (target.verdict(results) for target in targets.TARGETS)
    return command.report(results.about, EXPLAINED, tables, "To be reached:", verdicts)


def _scenario(results: Results, scenario: scenarios.Scenario) -> Iterator[str]:
    yield f"{scenario.name}: {scenario.title}; {scenario.item} per s, CPU per {scenario.item}"
    yield LAYOUT.format(*HEADER)
    for contender in scenario.contenders:
        if not results.has(scenario.name, contender.name):
            continue
        rate, p50, p99, cpu = (
            results.median(scenario.name, contender.name, value) for value in ("per_s", "p50_us", "p99_us", "cpu_us")
        )
        rates = [run.per_s for run in results.runs[scenario.name][contender.name]]
        trips = None if scenario.web else results.trips_of(scenario, contender)
        ratios = ["", ""]
        if contender.name != scenarios.PYCOPG and results.has(scenario.name, scenarios.PYCOPG):
            ratios = [
                f"{results.ratio(scenario.name, scenarios.PYCOPG, contender.name, value):.2f}"
                for value in ("per_s", "cpu_us")
            ]
        yield LAYOUT.format(
            contender.name,
            f"{rate:,.0f}",
            f"({min(rates):,.0f}-{max(rates):,.0f})",
            f"{p50:,.1f}",
            f"{p99:,.1f}",
            f"{cpu:,.2f}",
            "" if trips is None else trips,
            *ratios,
        ).rstrip()
        errors = [
            f"{kind}: {count}"
            for run in results.runs[scenario.name][contender.name]
            for kind, count in run.errors.items()
        ]
        if errors:
            yield f"    ERRORS {', '.join(errors)}"


def _trips(results: Results) -> Iterator[str]:
    yield "round trips"
    calls = list(dict.fromkeys(call for counted in results.trips.values() for call in counted))
    layout = "  {:<33}" + "".join(f" {{:>{max(len(call), 5)}}}" for call in calls)
    yield layout.format("", *calls)
    for contender, counted in results.trips.items():
        yield layout.format(contender, *(counted.get(call, "") for call in calls)).rstrip()
