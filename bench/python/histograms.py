"""How many queries took how long, in classes that grow by 1.5 %."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

PER_OCTAVE = 48  # classes of latencies, as in bench/histogram.hpp

Histogram = list[list[int]]  # class and count, in order


def class_of(us: float) -> int:
    return int(math.log2(max(us, 1.0)) * PER_OCTAVE)


def middle_of(place: int) -> float:
    """Of a class, in microseconds."""
    return float(2 ** ((place + 0.5) / PER_OCTAVE))


def histogram(times_us: Iterable[float]) -> Histogram:
    return [list(one) for one in sorted(Counter(map(class_of, times_us)).items())]


def together(histograms: Iterable[Histogram]) -> Histogram:
    counts: Counter[int] = Counter()
    for one in histograms:
        for place, count in one:
            counts[place] += count
    return [list(pair) for pair in sorted(counts.items())]


def quantile(counts: Histogram, part: float) -> float:
    left = part * sum(count for _, count in counts)
    for place, count in counts:
        left -= count
        if left <= 0:
            return middle_of(place)
    return math.nan
