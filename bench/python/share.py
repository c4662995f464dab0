"""Statements that share a connection, and those that have one each: copg and pycopg both ways, next to a bare libpq
and epoll loop, asyncpg's pool and psycopg_pool. Every contender has a process of its own; they take turns.

Closed loop: so many clients, each of which asks again when it has its answer. Open loop: queries come at random
(Poisson) at a rate, whether or not those before have been answered, and their latency counts from when they were due.
Whoever has 5,000 outstanding gets no more; who does not keep up is reported as saturated, and sits out at higher rates.
Slow statements sleep for 50 ms on the server; their text does not say so.

Called by `scripts/bench share`, which provides the programs, the packages and a server in DATABASE_URL, in which it
works in a schema of its own that is dropped afterwards; it needs up to 150 connections. Prints tables, and with all
scenarios and contenders draws docs/benchmarks/share.svg.
"""

from __future__ import annotations

import argparse

import command
import scenarios
import share_chart
import share_report
import share_scenarios
from share_results import Results, Turn
from share_scenarios import Scenario
from share_workers import Worker, at_work

CHART = command.ROOT / "docs" / "benchmarks" / "share.svg"
PROGRAM = str(command.ROOT / "build/release/bin/copg-bench-share")
CLOSED_PART = 1 / 4  # of the seconds of an open loop: many short turns tell small differences


def beaten_before(results: Results, scenario: Scenario, contender: str, number: int) -> bool:
    """It was saturated at a lower rate in this round."""
    for name in share_scenarios.easier(scenario):
        turns = results.turns.get(name, {}).get(contender, [])
        if len(turns) == number and (turns[-1] is None or turns[-1].saturated):
            return True
    return False


def take_turn(worker: Worker, scenario: Scenario, rate: float, seconds: float, seed: int) -> Turn:
    if scenario.clients:
        return worker.closed(scenario.clients, seconds * CLOSED_PART)
    return worker.open(rate, scenario.slow_part, seconds, seed)


def say(scenario: Scenario, contender: str, turns: list[Turn], which: str) -> None:
    latest = turns[-1]
    word = f"p99 {latest.p99_us:,.0f} us"
    if not scenario.clients and latest.saturated:
        word = "saturated"
    rate = sum(turn.per_s for turn in turns) / len(turns)
    command.say(f"{which} {scenario.name}: {contender} {rate:,.0f}/s, CPU {latest.cpu_us:.2f} us, {word}")


def run_round(results: Results, scenario: Scenario, number: int, arguments: argparse.Namespace) -> None:
    wanted = {*arguments.contenders, *([share_scenarios.COPG_UNSHARED] if scenario.of_capacity else [])}
    names = [name for name in scenario.contenders if name in wanted]
    beaten = [name for name in names if beaten_before(results, scenario, name, number)]
    for name in beaten:
        results.add(scenario.name, name, None)
    present = [name for name in names if name not in beaten]
    if not present:
        return
    with at_work(scenario, present, PROGRAM) as workers:
        rate = capacity(workers, arguments.seconds) if scenario.of_capacity else scenario.rate
        for turn in range(scenario.turns):
            seed = number * 100 + turn
            for place in range(len(workers)):
                worker = workers[(place + turn + number) % len(workers)]
                results.add(scenario.name, worker.contender, take_turn(worker, scenario, rate, arguments.seconds, seed))
    for name in present:
        turns = results.taken(scenario.name, name)[-scenario.turns :]
        say(scenario, name, turns, f"round {number}/{arguments.rounds}")


def capacity(workers: list[Worker], seconds: float) -> float:
    worker = next(one for one in workers if one.contender == share_scenarios.COPG_UNSHARED)
    return worker.closed(share_scenarios.CAPACITY_CLIENTS, seconds).per_s * share_scenarios.CAPACITY_PART


def run_all(arguments: argparse.Namespace) -> Results:
    results = Results()
    # Scenarios take turns as well: a minute in which the machine was busy is one round of each, not one scenario.
    for number in range(1, arguments.rounds + 1):
        for name in arguments.names:
            run_round(results, share_scenarios.named(name), number, arguments)
    return results


def names_of(given: str) -> list[str]:
    names = given.split(",")
    for name in names:
        if name not in share_scenarios.CONTENDERS:
            raise argparse.ArgumentTypeError(f"no contender is called '{name}'")
    return names


def parse() -> argparse.Namespace:
    all_names = [scenario.name for scenario in share_scenarios.SCENARIOS]
    all_contenders = list(share_scenarios.CONTENDERS)
    epilog = f"scenarios: {', '.join(all_names)}.\ncontenders: {', '.join(all_contenders)}."
    parser = command.parser("share", __doc__, epilog, CHART)
    parser.add_argument(
        "--contenders", metavar="NAME[,NAME...]", type=names_of, default=all_contenders, help="only these (all)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of all scenarios (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a turn in an open loop; closed: a quarter (2)")
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
        arguments.rounds, arguments.seconds = 1, 0.4
    return arguments


def main() -> int:
    arguments = parse()
    about = f"{command.rounds(arguments.rounds)}, turns of {arguments.seconds:g} s"
    results = command.results_of(arguments, Results.load, lambda: run_all(arguments), about)
    command.leave(results, share_report.of(results), lambda: share_chart.svg(results), arguments)
    return 0


if __name__ == "__main__":
    command.run(main)
