"""The latencies of `scripts/bench threads` as an SVG: a panel for each scenario, a histogram for each contender."""

from __future__ import annotations

from collections.abc import Iterator

import latency_rows
import scenarios
import threads_scenarios
from drawing import document, text
from latency_rows import FOOT, HEAD, NAMES, PLOT, ROW
from threads_results import Results

FIGURES = 190  # width of what stands behind a histogram
MARGIN, TOP, GAP = 24, 118, 30
COLUMNS = 2
COLOURS = {
    threads_scenarios.FAIR: "#7a8794",
    threads_scenarios.LIFO: "#a3adb8",
    threads_scenarios.LIBPQXX: "#2da44e",
    threads_scenarios.COPG_UNSHARED: "#d9822b",
    threads_scenarios.COPG: "#1f6feb",
    scenarios.PYCOPG_UNSHARED: "#e0a96d",
    scenarios.PYCOPG: "#6ba4f8",
}


def _panel(results: Results, scenario: threads_scenarios.Scenario, left: float, top: float) -> Iterator[str]:
    contenders = [one for one in scenario.contenders if results.has(scenario.name, one)]
    title = f"{scenario.title} on {scenario.connections} connections"
    yield from latency_rows.frame(title, len(contenders), left, top)
    for number, contender in enumerate(contenders, start=1):
        base = top + HEAD + number * ROW
        yield latency_rows.name(contender, left, base)
        rate = results.median(scenario.name, contender, "per_s")
        quantiles = [results.median(scenario.name, contender, value) for value, _ in latency_rows.QUANTILES]
        figures = " · ".join([f"{rate:,.0f}/s", *map(latency_rows.milliseconds, quantiles)])
        counts = results.latencies(scenario.name, contender)
        yield from latency_rows.histogram(counts, quantiles, figures, COLOURS[contender], left, base)


def svg(results: Results) -> str:
    drawn = [one for one in threads_scenarios.SCENARIOS if one.asks and one.name in results.turns]
    body: list[str] = []
    width, top = NAMES + PLOT + FIGURES, TOP
    for first in range(0, len(drawn), COLUMNS):
        row = drawn[first : first + COLUMNS]
        for column, scenario in enumerate(row):
            body += _panel(results, scenario, MARGIN + column * (width + GAP), top)
        top += HEAD + max(len(results.turns[scenario.name]) for scenario in row) * ROW + FOOT + GAP
    about = results.about
    head = [
        text(MARGIN, 32, "Threads that wait for a connection: latencies", "heading"),
        text(MARGIN, 52, f"{about.get('versions', '')}; {about.get('machine', '')}", "value"),
        text(MARGIN, 68, about.get("run", ""), "value"),
        text(
            MARGIN,
            88,
            "How many queries took how long, the wait for a connection included. Marks: p50, p99, p99.9. Figures: "
            "queries (transactions)/s, and those quantiles in ms.",
            "column",
        ),
    ]
    return document(2 * MARGIN + COLUMNS * width + (COLUMNS - 1) * GAP, top, [*head, *body])
