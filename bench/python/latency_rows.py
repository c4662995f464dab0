"""Latencies as rows of a panel: for each contender a histogram, marks at its quantiles, and figures behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drawing import text
from histograms import PER_OCTAVE, Histogram, class_of

NAMES, PLOT = 108, 330  # widths: of the names, of the histograms
ROW, HEAD, FOOT = 27, 20, 22  # heights
STEP = PER_OCTAVE // 6  # classes that are drawn as one
FIRST, LAST = class_of(10), class_of(1_000_000)
TICKS = ((100, "0.1 ms"), (1_000, "1 ms"), (10_000, "10 ms"), (100_000, "100 ms"))
QUANTILES = (("p50_us", 3.0), ("p99_us", 2.2), ("p999_us", 1.4))  # and the widths of their marks


def _place(number: float) -> float:
    """Where a class lies in the plot; those outside at its edges."""
    return min(max((number - FIRST) / (LAST - FIRST), 0.0), 1.0) * PLOT


def milliseconds(us: float) -> str:
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


def name(contender: str, left: float, base: float) -> str:
    return text(left + NAMES - 8, base - 4, contender, "name", "end")


def note(said: str, left: float, base: float) -> str:
    """In place of a histogram."""
    return text(left + NAMES + 8, base - 4, said, "value")


def histogram(
    counts: Histogram, quantiles: Sequence[float], figures: str, colour: str, left: float, base: float
) -> Iterator[str]:
    """`quantiles`: those of QUANTILES, in microseconds."""
    left += NAMES
    yield f'<path d="{_shape(counts, left, base)}" fill="{colour}" fill-opacity="0.55"/>'
    for us, (_, width) in zip(quantiles, QUANTILES):
        x = left + _place(class_of(us))
        yield (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{base - ROW + 8}" y2="{base}" stroke="{colour}"'
            f' stroke-width="{width}"/>'
        )
    yield text(left + PLOT + 8, base - 4, figures, "value")


def frame(title: str, rows: int, left: float, top: float) -> Iterator[str]:
    """The title of a panel and its axis."""
    yield text(left, top + 10, title, "title")
    bottom = top + HEAD + rows * ROW
    for us, said in TICKS if rows else ():
        x = left + NAMES + _place(class_of(us))
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top + HEAD}" y2="{bottom + 4}" class="line"/>'
        yield text(x, bottom + 16, said, "value", "middle")
