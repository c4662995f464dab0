"""pycopg next to psycopg_pool and asyncpg: every scenario, every contender in a process of its own, in turns.

Called by `scripts/bench python`, which provides the packages and a server in DATABASE_URL, in which it works in a
schema of its own that is dropped afterwards. Prints tables, and with all scenarios draws docs/benchmarks/python.svg.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys

import chart
import command
import report
import scenarios
import web_load
from load import Measurement
from results import Results, key_of

HERE = pathlib.Path(__file__).resolve().parent
CHART = command.ROOT / "docs" / "benchmarks" / "python.svg"
WORKER_GRACE_S = 60


def ask_worker(scenario: str, contender: scenarios.Contender, arguments: argparse.Namespace) -> dict[str, object]:
    kind = "tasks" if contender.tasks else "threads"
    worker = [sys.executable, "-B", str(HERE / "worker.py"), scenario, contender.name, kind]
    ran = subprocess.run(
        [*worker, str(arguments.seconds), str(arguments.pool_size)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=arguments.seconds * 2 + WORKER_GRACE_S,
    )
    if ran.returncode != 0:
        raise RuntimeError(f"{scenario}, {contender.name}: the worker ended with {ran.returncode}")
    found: dict[str, object] = json.loads(ran.stdout)
    return found


def measure(scenario: scenarios.Scenario, contender: scenarios.Contender, arguments: argparse.Namespace) -> Measurement:
    if scenario.web:
        return web_load.measure(scenario, contender.name, arguments.web_seconds, arguments.pool_size)
    return Measurement(**ask_worker(scenario.name, contender, arguments))  # type: ignore[arg-type]


def run_all(names: list[str], arguments: argparse.Namespace) -> Results:
    results = Results()
    for contender in scenarios.TRIP_CONTENDERS if scenarios.TRIPS in names else ():
        command.say(f"trips: {key_of(contender)}")
        results.trips[key_of(contender)] = ask_worker(scenarios.TRIPS, contender, arguments)  # type: ignore[assignment]
    # Scenarios take turns as well: a minute in which the machine was busy is one round of each, not one scenario.
    for number in range(1, arguments.rounds + 1):
        for name in names:
            if name == scenarios.TRIPS:
                continue
            scenario = scenarios.named(name)
            for contender in scenario.contenders:
                run = measure(scenario, contender, arguments)
                results.add(name, contender.name, run)
                command.say(
                    f"round {number}/{arguments.rounds} {name}: {contender.name}"
                    f" {run.per_s:,.0f}/s, CPU {run.cpu_us:.2f} us"
                )
    return results


def parse() -> argparse.Namespace:
    parser = command.parser("python", __doc__, f"scenarios: {', '.join(scenarios.chosen([]))}.", CHART)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each contender (5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run (2)")
    parser.add_argument("--web-seconds", type=float, default=4.0, help="of each run of a web service (4)")
    parser.add_argument("--pool-size", type=int, default=10, help="connections to the database (10)")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds <= 0 or arguments.web_seconds < 1 or arguments.pool_size < 1:
        parser.error("rounds, seconds and pool size must be positive, web seconds at least 1")
    try:
        arguments.names = scenarios.chosen(arguments.only)
    except ValueError as error:
        parser.error(str(error))
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.web_seconds = 1, 0.3, 1.0
    if arguments.svg is None and not arguments.only and not arguments.quick:
        arguments.svg = CHART
    return arguments


def main() -> int:
    arguments = parse()
    about = (
        f"{command.rounds(arguments.rounds)} of {arguments.seconds:g} s (services: {arguments.web_seconds:g} s), "
        f"pool of {arguments.pool_size}"
    )
    results = command.results_of(arguments, Results.load, lambda: run_all(arguments.names, arguments), about)
    command.leave(results, report.of(results), lambda: chart.svg(results), arguments)
    failed = any(run.errors for contenders in results.runs.values() for runs in contenders.values() for run in runs)
    return 1 if failed else 0


if __name__ == "__main__":
    command.run(main)
