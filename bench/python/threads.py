"""Threads that wait for a connection: copg and pycopg with sharing and without, next to the simplest pool that serves
threads in their order (fair: a mutex, a queue, direct hand-off, bare libpq), the one that most programs write (lifo: a
mutex, a stack, a condition variable), and libpqxx with such a pool. Each contender has a process of its own; they take
turns, in another order each round.

Queries: 1 to 1,000 threads, each of which asks again when it has its answer. Client and server share the processors;
in the scenarios that end in -apart each has half of them, as if it had a machine of its own. Leases alone: in a loop,
and in bursts that begin with every connection taken, as on a bad day; those threads are spread over the processors.

Called by `scripts/bench threads`, which provides the programs, the packages and a server in DATABASE_URL, in which it
works in a schema of its own that is dropped afterwards; it needs up to 70 connections. Prints tables, and with all
scenarios and contenders draws docs/benchmarks/threads.svg.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import sys

import apart
import command
import scenarios
import system_calls
import threads_chart
import threads_report
import threads_scenarios
import workers
from statements import SELECT_USER_NUMBERED
from system_calls import SystemCalls
from threads_results import Results, Turn
from threads_scenarios import IN_PYTHON, Scenario

HERE = pathlib.Path(__file__).resolve().parent
CHART = command.ROOT / "docs" / "benchmarks" / "threads.svg"
PROGRAM = str(command.ROOT / "build/release/bin/copg-bench-threads")
WARM_UP_S = 0.3  # connects, prepares statements, fills caches
LEASES_PART = 1 / 2  # of the seconds of a turn with queries: leases alone are many
COUNTED_S = 0.3  # of the turn in which system calls are counted


class Worker(workers.Worker):
    """One contender of one scenario. Its program says what it understands: copg-bench-threads --help."""

    def __init__(self, contender: str, scenario: Scenario) -> None:
        program = [PROGRAM, contender, str(scenario.connections), SELECT_USER_NUMBERED]
        if contender in IN_PYTHON:
            program = [sys.executable, "-B", str(HERE / "threads_worker.py"), contender, str(scenario.connections)]
        super().__init__(contender, program)
        self.scenario = scenario

    def turn(self, seconds: float) -> Turn:
        self.tell(f"{self.scenario.work} {self.scenario.threads} {seconds}")
        return Turn(**self.answer(seconds))

    def calls_per_query(self, counter: SystemCalls) -> float:
        """Without those that begin and end threads: of a turn, less those of one that ends at once."""
        calls_at_once, count_at_once = self._counted_turn(counter, 0)
        calls, count = self._counted_turn(counter, COUNTED_S)
        return (calls - calls_at_once) / max(count - count_at_once, 1)

    def _counted_turn(self, counter: SystemCalls, seconds: float) -> tuple[int, int]:
        before = counter.number
        with counter:
            turn = self.turn(seconds)
        return counter.number - before, turn.count + turn.before


def seconds_of(scenario: Scenario, arguments: argparse.Namespace) -> float:
    seconds: float = arguments.seconds
    return seconds if scenario.asks else seconds * LEASES_PART


def run_round(results: Results, scenario: Scenario, number: int, arguments: argparse.Namespace) -> None:
    names = [name for name in scenario.contenders if name in arguments.contenders]
    if not names:
        return
    try:
        with apart.apart(os.environ["DATABASE_URL"]) if scenario.apart else contextlib.nullcontext():
            take_turns(results, scenario, names, number, arguments)
    except apart.NotPossible as reason:
        command.say(f"{scenario.name} is left out: {reason}")


def take_turns(
    results: Results, scenario: Scenario, names: list[str], number: int, arguments: argparse.Namespace
) -> None:
    with workers.at_work(Worker(name, scenario) for name in names) as present:
        counters = system_calls.of([worker.process.pid for worker in present]) if number == 1 and scenario.asks else []
        workers.warm_up(present, f"{scenario.work} {scenario.threads} {WARM_UP_S}")
        for place in range(len(present)):
            worker = present[(place + number) % len(present)]
            turn = worker.turn(seconds_of(scenario, arguments))
            results.add(scenario.name, worker.contender, turn)
            say(scenario, worker.contender, turn, f"round {number}/{arguments.rounds}")
        for worker, counter in zip(present, counters):
            results.calls.setdefault(scenario.name, {})[worker.contender] = worker.calls_per_query(counter)
            counter.close()


def say(scenario: Scenario, contender: str, turn: Turn, which: str) -> None:
    tail = f"p99.9 {turn.p999_us:,.0f} us" if scenario.asks else f"{turn.wall_ns:,.0f} ns each"
    command.say(f"{which} {scenario.name}: {contender} {turn.per_s:,.0f}/s, CPU {turn.cpu_us:.2f} us, {tail}")


def run_all(arguments: argparse.Namespace) -> Results:
    results = Results()
    # Scenarios take turns as well: a minute in which the machine was busy is one round of each, not one scenario.
    for number in range(1, arguments.rounds + 1):
        for name in arguments.names:
            run_round(results, threads_scenarios.named(name), number, arguments)
    return results


def names_of(given: str) -> list[str]:
    names = given.split(",")
    for name in names:
        if name not in threads_scenarios.CONTENDERS:
            raise argparse.ArgumentTypeError(f"no contender is called '{name}'")
    return names


def kept_results(given: str) -> Results:
    try:
        return Results.load(pathlib.Path(given))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"{given} has no results: {error}") from None


def parse() -> argparse.Namespace:
    all_names = [scenario.name for scenario in threads_scenarios.SCENARIOS]
    all_contenders = list(threads_scenarios.CONTENDERS)
    epilog = f"scenarios: {', '.join(all_names)}.\ncontenders: {', '.join(all_contenders)}."
    parser = command.parser("threads", __doc__, epilog, CHART)
    parser.add_argument(
        "--contenders", metavar="NAME[,NAME...]", type=names_of, default=all_contenders, help="only these (all)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of all scenarios (5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn; of leases alone: half (1)")
    parser.add_argument(
        "--against", type=kept_results, metavar="JSON", help="also show the ratios to what --json kept of another run"
    )
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.seconds <= 0:
        parser.error("rounds and seconds must be positive")
    try:
        arguments.names = scenarios.among(arguments.only, all_names)
    except ValueError as error:
        parser.error(str(error))
    if arguments.svg is None and arguments.names == all_names and arguments.contenders == all_contenders:
        arguments.svg = None if arguments.quick else CHART
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 0.2
    return arguments


def main() -> int:
    arguments = parse()
    about = f"{command.rounds(arguments.rounds)}, turns of {arguments.seconds:g} s"
    results = command.results_of(arguments, Results.load, lambda: run_all(arguments), about)
    lines = threads_report.of(results, arguments.against)
    command.leave(results, lines, lambda: threads_chart.svg(results), arguments)
    return 0


if __name__ == "__main__":
    command.run(main)
