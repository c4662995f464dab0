"""The results as an SVG: for each scenario the rates and the processor time of its contenders, as bars."""

from __future__ import annotations

from collections.abc import Iterator

import scenarios
from drawing import document, text
from results import Results

BAR, GAP, HEAD, BLOCK_GAP = 15, 4, 20, 16  # pixels
NAMES, COLUMN, BARS = 176, 330, 250  # widths: of the names, of each half, of its longest bar
MARGIN, TOP = 24, 92
COLUMNS = (("per_s", "per second (longer is better)"), ("cpu_us", "client CPU for each, µs (shorter is better)"))
COLOURS = {
    scenarios.PYCOPG: "#1f6feb",
    scenarios.PYCOPG_TASKS: "#6ba4f8",
    scenarios.PYCOPG_ROW_BY_ROW: "#a9c8f5",
    scenarios.ASYNCPG: "#d9822b",
    scenarios.ASYNCPG_COPY: "#e0a96d",
    scenarios.PSYCOPG: "#7a8794",
    scenarios.PSYCOPG_AUTOCOMMIT: "#a3adb8",
    scenarios.PSYCOPG_CHECK: "#c3cad2",
    scenarios.NO_DATABASE: "#dfe4e9",
}


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _block(results: Results, scenario: scenarios.Scenario, top: int) -> Iterator[str]:
    contenders = [one for one in scenario.contenders if results.has(scenario.name, one.name)]
    plural = "queries" if scenario.item == "query" else scenario.item + "s"
    yield text(MARGIN, top + 12, f"{scenario.title} ({plural})", "title")
    for column, (value, _) in enumerate(COLUMNS):
        left = MARGIN + NAMES + column * COLUMN
        amounts = [results.median(scenario.name, one.name, value) for one in contenders]
        for place, (contender, amount) in enumerate(zip(contenders, amounts)):
            y = top + HEAD + place * (BAR + GAP)
            width = max(amount / max(amounts) * BARS, 1)
            if column == 0:
                yield text(MARGIN + NAMES - 8, y + 12, contender.name, "name", "end")
            yield (
                f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" fill="{COLOURS[contender.name]}"/>'
            )
            yield text(left + width + 5, y + 12, _amount(amount), "value")


def svg(results: Results) -> str:
    body: list[str] = []
    top = TOP
    for scenario in scenarios.SCENARIOS:
        if scenario.name in results.runs:
            body += _block(results, scenario, top)
            top += HEAD + len(results.runs[scenario.name]) * (BAR + GAP) + BLOCK_GAP
    width, height = 2 * MARGIN + NAMES + 2 * COLUMN, top + MARGIN
    about = results.about
    head = [
        text(MARGIN, 32, "pycopg next to psycopg_pool and asyncpg", "heading"),
        text(MARGIN, 50, f"{about.get('versions', '')}", "value"),
        text(MARGIN, 66, f"{about.get('run', '')}", "value"),
        *(text(MARGIN + NAMES + column * COLUMN, 84, title, "column") for column, (_, title) in enumerate(COLUMNS)),
    ]
    return document(width, height, [*head, *body])
