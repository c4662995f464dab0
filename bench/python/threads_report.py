"""The results of `scripts/bench threads` as tables of text."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import command
import threads_scenarios
import threads_targets
from threads_results import Results

LATENCIES = ("p50_us", "p90_us", "p99_us", "p999_us", "p9999_us", "longest_us")
HEADER = (
    "contender", "per s", "(range)", "CPU us", "p50 us", "p90 us", "p99 us", "p99.9 us", "p99.99 us", "max us",
    "switches", "calls", "x per s", "x CPU", "x p99.9",
)  # fmt: skip
LAYOUT = "  {:<16} {:>7} {:>15} {:>7} {:>7} {:>8} {:>8} {:>9} {:>9} {:>9} {:>8} {:>6} {:>8} {:>6} {:>7}"
LEASE_HEADER = ("contender", "per s", "(range)", "wall ns", "CPU ns", "switches", "x wall", "x CPU")
LEASE_LAYOUT = "  {:<16} {:>11} {:>23} {:>8} {:>8} {:>8} {:>8} {:>8}"
RATIOS, LEASE_RATIOS = ("per_s", "cpu_us", "p999_us"), ("wall_ns", "cpu_ns")

EXPLAINED = (
    "Medians of the rounds, in each of which all took a turn, in another order. CPU: of the client's process, for each",
    "query, transaction or lease; so are context switches, and system calls, which are counted in a turn of their own.",
    "Latencies: from when a thread asked to its answer, the wait for a connection included; max: the median of the",
    "rounds' longest. Leases: wall and CPU time of acquire and release. x: the median of the ratios to fair, round by",
    "round{}.",
)
UNCOUNTED = "System calls were not counted: that needs tracefs, and root or kernel.perf_event_paranoid at -1."


def of(results: Results, before: Results | None = None) -> Iterator[str]:
    explained = [
        line.format("; before: ratios of the medians to the other run's" if before else "") for line in EXPLAINED
    ]
    if not results.calls and any(threads_scenarios.named(name).asks for name in results.turns):
        explained.append(UNCOUNTED)
    tables = (
        _scenario(results, scenario, before)
        for scenario in threads_scenarios.SCENARIOS
        if scenario.name in results.turns
    )
    verdicts = (target.verdict(results) for target in threads_targets.TARGETS)
    return command.report(results.about, explained, tables, "To be reached:", verdicts)


def _scenario(results: Results, scenario: threads_scenarios.Scenario, before: Results | None) -> Iterator[str]:
    yield f"{scenario.name}: {scenario.title} on {scenario.connections} connections"
    layout, header = (LAYOUT, HEADER) if scenario.asks else (LEASE_LAYOUT, LEASE_HEADER)
    ratios = RATIOS if scenario.asks else LEASE_RATIOS
    yield layout.format(*header) + (
        "".join(f"{'before ' + name.removeprefix('x '):>14}" for name in header[-len(ratios) :]) if before else ""
    )
    for contender in scenario.contenders:
        if not results.has(scenario.name, contender):
            continue
        line = layout.format(contender, *_values(results, scenario, contender))
        if before and before.has(scenario.name, contender):
            medians = functools.partial(_change, results, before, scenario.name, contender)
            line += "".join(f"{medians(value):>14.2f}" for value in ratios)
        yield line.rstrip()


def _change(results: Results, before: Results, scenario: str, contender: str, value: str) -> float:
    return results.median(scenario, contender, value) / before.median(scenario, contender, value)


def _values(results: Results, scenario: threads_scenarios.Scenario, contender: str) -> Iterator[str]:
    def median(value: str, form: str) -> str:
        return format(results.median(scenario.name, contender, value), form)

    rates = results.values(scenario.name, contender, "per_s")
    yield median("per_s", ",.0f")
    yield f"({min(rates):,.0f}-{max(rates):,.0f})"
    if scenario.asks:
        yield median("cpu_us", ".2f")
        yield from (median(value, ",.0f") for value in LATENCIES)
        yield median("switches", ".2f")
        calls = results.calls.get(scenario.name, {}).get(contender)
        yield "" if calls is None else f"{calls:.2f}"
    else:
        yield median("wall_ns", ",.0f")
        yield median("cpu_ns", ",.0f")
        yield median("switches", ".3f")
    for value in RATIOS if scenario.asks else LEASE_RATIOS:
        compared = contender != threads_scenarios.FAIR and results.has(scenario.name, threads_scenarios.FAIR)
        yield f"{results.ratio(scenario.name, contender, threads_scenarios.FAIR, value):.2f}" if compared else ""
