"""The latencies of `scripts/bench share` as an SVG: a panel for each scenario, a histogram for each contender."""

from __future__ import annotations

from collections.abc import Iterator

import scenarios
import share_scenarios
from drawing import document, text
from share_results import PER_OCTAVE, Histogram, Results, class_of

NAMES, PLOT, FIGURES = 108, 330, 136  # widths: of the names, of the histograms, of what stands behind them
ROW, HEAD, FOOT = 27, 20, 22  # heights
MARGIN, TOP, GAP = 24, 118, 30
COLUMNS = 2
STEP = PER_OCTAVE // 6  # classes that are drawn as one
FIRST, LAST = class_of(10), class_of(1_000_000)
TICKS = ((100, "0.1 ms"), (1_000, "1 ms"), (10_000, "10 ms"), (100_000, "100 ms"))
QUANTILES = (("p50_us", 3.0), ("p99_us", 2.2), ("p999_us", 1.4))  # and the widths of their marks
COLOURS = {
    share_scenarios.BARE: "#7a8794",
    share_scenarios.COPG_UNSHARED: "#d9822b",
    share_scenarios.COPG: "#1f6feb",
    scenarios.PYCOPG_UNSHARED: "#e0a96d",
    scenarios.PYCOPG: "#6ba4f8",
    scenarios.ASYNCPG: "#2da44e",
    scenarios.PSYCOPG: "#a371f7",
}


def _place(number: float) -> float:
    """Where a class lies in the plot; those outside at its edges."""
    return min(max((number - FIRST) / (LAST - FIRST), 0.0), 1.0) * PLOT


def _time(us: float) -> str:
    digits = 2 if us < 10_000 else 1 if us < 100_000 else 0
    return f"{us / 1e3:.{digits}f}"


def _shape(counts: Histogram, left: float, base: float) -> str:
    """An area whose height is the part of the queries, by that of the fullest class."""
    steps: dict[int, int] = {}
    for number, count in counts:
        step = min(max(number, FIRST), LAST) // STEP
        steps[step] = steps.get(step, 0) + count
    most = max(steps.values())
    first, last, height = min(steps), max(steps), ROW - 6
    path = f"M{left + _place(first * STEP):.1f} {base}"
    for step in range(first, last + 1):
        path += f"V{base - steps.get(step, 0) / most * height:.1f}H{left + _place((step + 1) * STEP):.1f}"
    return f"{path}V{base}Z"


def _row(results: Results, scenario: str, contender: str, left: float, base: float) -> Iterator[str]:
    colour = COLOURS[contender]
    yield text(left + NAMES - 8, base - 4, contender, "name", "end")
    left += NAMES
    if results.saturated(scenario, contender):
        rate = results.median(scenario, contender, "per_s")
        yield text(left + 8, base - 4, f"saturated, at {rate:,.0f}/s", "value")
        return
    shape = _shape(results.latencies(scenario, contender), left, base)
    yield f'<path d="{shape}" fill="{colour}" fill-opacity="0.55"/>'
    quantiles = [results.median(scenario, contender, value) for value, _ in QUANTILES]
    for us, (_, width) in zip(quantiles, QUANTILES):
        x = left + _place(class_of(us))
        yield (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{base - ROW + 8}" y2="{base}" stroke="{colour}"'
            f' stroke-width="{width}"/>'
        )
    yield text(left + PLOT + 8, base - 4, " · ".join(map(_time, quantiles)), "value")


def _height(results: Results, scenario: share_scenarios.Scenario) -> int:
    rows = len(results.competing(scenario.name, scenario.contenders)) * ROW
    return HEAD + rows + FOOT + (FOOT if results.beaten(scenario.name, scenario.contenders) else 0)


def _panel(results: Results, scenario: share_scenarios.Scenario, left: float, top: float) -> Iterator[str]:
    contenders = results.competing(scenario.name, scenario.contenders)
    yield text(left, top + 10, f"{scenario.title}; {scenario.connections} connections", "title")
    bottom = top + HEAD + len(contenders) * ROW
    for us, name in TICKS if contenders else ():
        x = left + NAMES + _place(class_of(us))
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEAD}" y2="{bottom + 4}" class="line"/>'
        yield text(x, bottom + 16, name, "value", "middle")
    for number, contender in enumerate(contenders, start=1):
        yield from _row(results, scenario.name, contender, left, top + HEAD + number * ROW)
    if beaten := results.beaten(scenario.name, scenario.contenders):
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
