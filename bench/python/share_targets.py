"""What sharing must reach (the project's issue 5), and whether it did."""

from __future__ import annotations

from collections.abc import Callable

from scenarios import ASYNCPG, PYCOPG
from share_results import Results
from share_scenarios import BARE, COPG, COPG_UNSHARED, SCENARIOS
from targets import LEVEL, Target

SLOW = [scenario for scenario in SCENARIOS if scenario.slow_part]
QUANTILES = (("p99", "p99_us"), ("p99.9", "p999_us"))


def _closed(scenario: str, value: str, ours: str = COPG, peer: str = COPG_UNSHARED) -> Callable[[Results], float]:
    return lambda results: results.ratio(scenario, ours, peer, value)


def _open(scenario: str, value: str) -> Callable[[Results], float]:
    """Endless if only sharing could not keep up, 0 if only sharing could; not measured if neither could."""

    def measured(results: Results) -> float:
        ours, theirs = (results.saturated(scenario, one) for one in (COPG, COPG_UNSHARED))  # or KeyError
        if ours and theirs:
            raise KeyError(scenario)
        if ours or theirs:
            return float("inf") if ours else 0.0
        return results.median(scenario, COPG, value) / results.median(scenario, COPG_UNSHARED, value)

    return measured


TARGETS = (
    Target("closed-100, queries/s by unshared", _closed("closed-100", "per_s"), 1.6),
    Target("closed-100, CPU per query by unshared", _closed("closed-100", "cpu_us"), 0.65, at_most=True),
    Target("closed-100, CPU per query by bare", _closed("closed-100", "cpu_us", peer=BARE), 1.25, at_most=True),
    Target("closed-100, pycopg's queries/s by asyncpg's", _closed("closed-100", "per_s", PYCOPG, ASYNCPG), 5),
    Target("closed-10, a connection for each client: queries/s by unshared", _closed("closed-10", "per_s"), 0.98),
    Target("open-70, p99 by unshared", _open("open-70", "p99_us"), 0.333, at_most=True),
    *(
        Target(f"{scenario.name}, {name} of the fast ones by unshared", _open(scenario.name, value), 1 / LEVEL, True)
        for scenario in SLOW
        for name, value in QUANTILES
    ),
)
