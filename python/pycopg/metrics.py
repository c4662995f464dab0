"""What pools have measured: histograms of times, and counters by reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from . import _native
    from ._native import PoolMetrics as NativeMetrics


class Histogram:
    """How long something took, of many times: how often each length came. Times are in seconds. It never changes.

    What it says of one is right to 3.2 % from 1 µs to 2.4 h, and to 64 ns below. A longer one counts as 2.4 h, but for
    `sum` and `mean`.
    """

    __slots__ = ("_native",)

    def __init__(self, native: _native.Histogram) -> None:
        """Programs get histograms from `metrics()`."""
        self._native = native

    @property
    def count(self) -> int:
        """How many there were."""
        return self._native.count

    @property
    def sum(self) -> float:
        """All of them together."""
        return self._native.sum

    @property
    def mean(self) -> float:
        """The average; 0 if there were none."""
        return self._native.mean

    @property
    def longest(self) -> float:
        """About the longest; 0 if there were none."""
        return self._native.quantile(1)

    def quantile(self, q: float) -> float:
        """Returns the time that the part `q` of all, 0 to 1, does not exceed; 0 if there were none.

        0.5 is the median, 0.99 what one of 100 exceeds.
        """
        return self._native.quantile(q)

    def shorter_than(self, seconds: float) -> int:
        """Returns how many are known to be shorter: those of the buckets that end there or before."""
        return self._native.shorter_than(seconds)

    def buckets(self) -> list[tuple[float, int]]:
        """Returns the buckets that are not empty, from the shortest on: the end, and the count.

        The end is not part of its bucket. The last bucket of all ends at infinity.
        """
        return self._native.buckets()

    def __repr__(self) -> str:
        median, late = self.quantile(0.5), self.quantile(0.99)
        return f"Histogram(count={self.count}, mean={self.mean:.3g} s, median={median:.3g} s, p99={late:.3g} s)"


@dataclass(frozen=True)
class SizeAdvice:
    """Whether a pool has the right size, judged by what it has measured, by the theory of queues."""

    verdict: Literal["unknown", "fits", "too_small", "saturated", "too_large"]
    """unknown: there were too few requests. saturated: how many connections would be enough is a guess."""
    max_size: int
    """The size to set; the present one if nothing is to be changed."""
    busy: float
    """Connections that were leased, on average."""
    under_way: float
    """The same, and the requests that waited, on average."""
    waited: float
    """The part of the requests that waited for a connection to come back, 0 to 1."""
    waited_then: float
    """What that would be with `max_size`."""
    median_wait: float
    """Of those that waited, in seconds."""
    burstiness: float
    """How much more the requests come in bursts than by chance alone: 1 is by chance, less is more even."""
    text: str
    """All this as a sentence, with the figures."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class PoolMetrics:
    """What a pool has measured: statistics, histograms of times, and counters by reason. It never changes.

    All but the gauges of `stats` only grow over the life of the pool. `since` makes a snapshot cover the time since an
    earlier one.
    """

    name: str
    """The pool's."""
    period: float
    """The seconds that it covers: since the pool was made, or since `earlier`."""
    stats: dict[str, Any]
    """As the pool's own `stats`, at the same moment."""
    waits: Histogram
    """Waits for a connection that have ended, also in failure, or because the caller gave up. 0 where one was idle.

    A request that goes back into the queue, because its connection was dead, counts for each wait.
    """
    uses: Histogram
    """Leases that have ended, from the grant of the connection until it was given back."""
    operations: Histogram
    """What the server was asked on behalf of callers, each until the last of its answer was read, or it was given up.

    A statement, or the pipeline of one call; a COMMIT; a chunk of a stream or of a COPY. A statement that travels
    together with others counts from the answer before it.
    """
    connects: Histogram
    """Connects that have succeeded, as a whole."""
    phases: dict[str, Histogram]
    """Of the connects that have succeeded, each that had the phase.

    credentials, resolve, connect, encrypt, authenticate, configure.
    """
    resets: Histogram
    """Resets in the background, with success or without."""
    failures: dict[str, int]
    """Requests that ended without a connection, by the error.

    pool_timeout, pool_deadlock, pool_closed, too_many_requests, connection_failed.
    """
    closes: dict[str, int]
    """Open connections that were closed, by the reason, such as idle, lifetime, broken."""
    resets_by: dict[str, int]
    """Resets, by what was found first: unfinished, transaction, session, always, on_return."""
    cancels_num: int
    """Cancel requests that were sent to the server."""
    _native: NativeMetrics = field(repr=False, compare=False)

    def since(self, earlier: PoolMetrics) -> PoolMetrics:
        """Returns what has come since `earlier`, an older snapshot of the same pool.

        The gauges of `stats` stay as they are, and so does `runs_largest`. If the pool was made anew meanwhile, in a
        forked child, everything has come since.
        """
        return metrics_of(self._native.since(earlier._native))

    def advise(self, target: float = 0.01) -> SizeAdvice:
        """Judges the size of the pool: at which one no more than the part `target` of the requests would wait.

        It supposes that requests come as they have come, and that leases take as long as they have taken. It can't know
        whether the server answers more requests at a time as fast: `copg tune` finds that out. It takes some
        milliseconds. ConfigurationError unless `target` is above 0 and below 1.
        """
        return SizeAdvice(*self._native.advise(target))


def metrics_of(native: _native.PoolMetrics) -> PoolMetrics:
    """What programs see of a snapshot."""
    return PoolMetrics(
        name=native.name,
        period=native.period,
        stats=native.stats,
        waits=Histogram(native.waits),
        uses=Histogram(native.uses),
        operations=Histogram(native.operations),
        connects=Histogram(native.connects),
        phases={phase: Histogram(histogram) for phase, histogram in native.phases.items()},
        resets=Histogram(native.resets),
        failures=native.failures,
        closes=native.closes,
        resets_by=native.resets_by,
        cancels_num=native.cancels_num,
        _native=native,
    )
