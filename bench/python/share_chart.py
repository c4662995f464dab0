"""The latencies of `scripts/bench share` as an SVG: a panel for each scenario, a histogram for each contender."""

from __future__ import annotations

from collections.abc import Iterator

import latency_rows
import scenarios
import share_scenarios
from drawing import document, text
from latency_rows import FOOT, HEAD, NAMES, PLOT, ROW
from share_results import Results

FIGURES = 136  # width of what stands behind a histogram
MARGIN, TOP, GAP = 24, 118, 30
COLUMNS = 2
COLOURS = {
    share_scenarios.BARE: "#7a8794",
    share_scenarios.COPG_UNSHARED: "#d9822b",
    share_scenarios.COPG: "#1f6feb",
    scenarios.PYCOPG_UNSHARED: "#e0a96d",
    scenarios.PYCOPG: "#6ba4f8",
    scenarios.ASYNCPG: "#2da44e",
    scenarios.PSYCOPG: "#a371f7",
}


def _row(results: Results, scenario: str, contender: str, left: float, base: float) -> Iterator[str]:
    yield latency_rows.name(contender, left, base)
    if results.saturated(scenario, contender):
        rate = results.median(scenario, contender, "per_s")
        yield latency_rows.note(f"saturated, at {rate:,.0f}/s", left, base)
        return
    quantiles = [results.median(scenario, contender, value) for value, _ in latency_rows.QUANTILES]
    figures = " · ".join(map(latency_rows.milliseconds, quantiles))
    counts = results.latencies(scenario, contender)
    yield from latency_rows.histogram(counts, quantiles, figures, COLOURS[contender], left, base)


def _height(results: Results, scenario: share_scenarios.Scenario) -> int:
    rows = len(results.competing(scenario.name, scenario.contenders)) * ROW
    return HEAD + rows + FOOT + (FOOT if results.beaten(scenario.name, scenario.contenders) else 0)


def _panel(results: Results, scenario: share_scenarios.Scenario, left: float, top: float) -> Iterator[str]:
    contenders = results.competing(scenario.name, scenario.contenders)
    title = f"{scenario.title}; {scenario.connections} connections"
    yield from latency_rows.frame(title, len(contenders), left, top)
    for number, contender in enumerate(contenders, start=1):
        yield from _row(results, scenario.name, contender, left, top + HEAD + number * ROW)
    if beaten := results.beaten(scenario.name, scenario.contenders):
        bottom = top + HEAD + len(contenders) * ROW
        yield text(left, bottom + FOOT + 12, f"saturated at a lower rate: {', '.join(beaten)}", "value")


def _rows(results: Results) -> Iterator[list[share_scenarios.Scenario]]:
    """Of panels: what is the same but for slow statements stands side by side."""
    row: list[share_scenarios.Scenario] = []
    for scenario in share_scenarios.SCENARIOS:
        if scenario.name not in results.turns:
            continue
        if len(row) == COLUMNS or (row and scenario.rate and not scenario.slow_part):
            yield row
            row = []
        row.append(scenario)
    yield row


def svg(results: Results) -> str:
    body: list[str] = []
    width = NAMES + PLOT + FIGURES
    top = TOP
    for row in _rows(results):
        for column, scenario in enumerate(row):
            body += _panel(results, scenario, MARGIN + column * (width + GAP), top)
        top += max(_height(results, scenario) for scenario in row) + GAP
    about = results.about
    head = [
        text(MARGIN, 32, "Statements that share a connection, and those that have one each: latencies", "heading"),
        text(MARGIN, 52, f"{about.get('versions', '')}; {about.get('machine', '')}", "value"),
        text(MARGIN, 68, about.get("run", ""), "value"),
        text(
            MARGIN,
            88,
            "How many queries took how long, of the fast ones. Marks, and figures in ms: p50, p99, p99.9. "
            "In an open loop time counts from when a query was due.",
            "column",
        ),
    ]
    return document(2 * MARGIN + COLUMNS * width + (COLUMNS - 1) * GAP, top, [*head, *body])
