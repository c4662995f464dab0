"""What threads that wait must reach, and whether they did."""

from __future__ import annotations

from collections.abc import Callable

from scenarios import PYCOPG
from targets import Target
from threads_results import Results
from threads_scenarios import COPG, COPG_UNSHARED, FAIR

SATURATED = (20, 50, 100, 1000)


def _select(threads: int) -> str:
    return f"select-{threads}-on-10"


def _by(peer: str, scenario: str, value: str, ours: str = COPG_UNSHARED) -> Callable[[Results], float]:
    return lambda results: results.ratio(scenario, ours, peer, value)


def _median(scenario: str, value: str) -> Callable[[Results], float]:
    return lambda results: results.median(scenario, COPG, value)


def _pycopg(scenario: str, other: str, value: str) -> Callable[[Results], float]:
    return lambda results: results.median(scenario, PYCOPG, value) / results.median(other, PYCOPG, value)


TARGETS = (
    *(
        target
        for threads in SATURATED
        for target in (
            Target(f"{threads} threads, unshared, queries/s by fair's", _by(FAIR, _select(threads), "per_s"), 1),
            Target(f"{threads} threads, unshared, CPU by fair's", _by(FAIR, _select(threads), "cpu_us"), 1.1, True),
            Target(f"{threads} threads, unshared, p99.9 by fair's", _by(FAIR, _select(threads), "p999_us"), 1.2, True),
        )
    ),
    *(
        target
        for scenario, where in ((_select(100), ""), (f"{_select(100)}-apart", ", processors apart"))
        for target in (
            Target(f"100 threads, shared{where}, queries/s by fair's", _by(FAIR, scenario, "per_s", COPG), 1.8),
            Target(
                f"100 threads, shared{where}, p99.9 by unshared",
                _by(COPG_UNSHARED, scenario, "p999_us", COPG),
                1,
                True,
            ),
            Target(
                f"100 threads, shared{where}, p99.99 by unshared",
                _by(COPG_UNSHARED, scenario, "p9999_us", COPG),
                1,
                True,
            ),
        )
    ),
    Target("a lease, 1 thread, ns", _median("leases-1-on-8", "wall_ns"), 150, True),
    # 1.3 times that of HikariCP 7, which took 240 ns on two CPUs of an EPYC.
    Target("a lease, 8 threads on 8, CPU, ns", _median("leases-8-on-8", "cpu_ns"), 310, True),
    Target("a lease, 8 threads on 4, ns", _median("leases-8-on-4", "wall_ns"), 1000, True),
    Target("a lease of 64 in a row, 8 threads on 4, ns", _median("leases-in-bursts-8-on-4", "wall_ns"), 1500, True),
    Target("pycopg, 100 threads, queries/s by 10 threads'", _pycopg(_select(100), _select(10), "per_s"), 0.8),
    Target(
        "pycopg, 20 threads, a lease of one statement, CPU by execute's",
        _pycopg("lease-select-20-on-10", _select(20), "cpu_us"),
        2.2,
        True,
    ),
)
