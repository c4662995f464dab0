"""What the commands that measure have in common: options, progress, a schema to work in, what they leave behind."""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import machine
import statements

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Savable(Protocol):
    about: dict[str, str]

    def save(self, path: pathlib.Path) -> None: ...


Found = TypeVar("Found", bound=Savable)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def parser(name: str, description: str, epilog: str, chart: pathlib.Path) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=f"scripts/bench {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"{epilog}\nExit codes: 0 measured, whatever was reached; 1 something failed, or a request did; "
        "2 wrong usage; 130 interrupted.",
    )
    made.add_argument("--quick", action="store_true", help="one short round: does it work? The figures say little")
    made.add_argument(
        "--only",
        metavar="SCENARIO",
        type=lambda given: given.split(","),
        action="extend",
        default=[],
        help="those that are called so, or else begin so; may be repeated, or a list with commas",
    )
    made.add_argument(
        "--svg",
        type=pathlib.Path,
        help=f"where to draw the chart (of everything: {chart.relative_to(ROOT)}; else nowhere)",
    )
    made.add_argument("--json", type=pathlib.Path, help="where to keep every run's figures")
    made.add_argument(
        "--from",
        type=pathlib.Path,
        dest="kept",
        metavar="JSON",
        help="measure nothing: print and draw what --json kept",
    )
    return made


def results_of(
    arguments: argparse.Namespace, load: Callable[[pathlib.Path], Found], measure: Callable[[], Found], of_rounds: str
) -> Found:
    """Those that were kept, or measured now: in a schema of their own, with what they depend on besides the code."""
    if arguments.kept:
        return load(arguments.kept)
    url = os.environ["DATABASE_URL"]
    statements.create(url)
    try:
        load_before, about = machine.load_average(), machine.about(url)
        results = measure()
    finally:
        statements.drop(url)
    about["run"] = (
        f"{of_rounds}, {time.strftime('%Y-%m-%d')}; load average {load_before} before, {machine.load_average()} after"
    )
    results.about = about
    return results


def report(
    about: dict[str, str],
    explained: Iterable[str],
    tables: Iterable[Iterable[str]],
    reached: str,
    verdicts: Iterable[str],
) -> Iterator[str]:
    """What both print: what was measured, its tables, and the targets."""
    for name, value in about.items():
        yield f"{name}: {value}"
    yield ""
    yield from explained
    for table in tables:
        yield ""
        yield from table
    yield ""
    yield reached
    for verdict in verdicts:
        yield "  " + verdict


def leave(results: Savable, lines: Iterable[str], draw: Callable[[], str], arguments: argparse.Namespace) -> None:
    if arguments.json:
        results.save(arguments.json)
    print("\n".join(lines))
    if arguments.svg:
        arguments.svg.parent.mkdir(parents=True, exist_ok=True)
        arguments.svg.write_text(draw())
        say(f"drawn: {arguments.svg}")


def run(main: Callable[[], int]) -> None:
    """As the whole program."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"{sys.argv[0]}: {error}")


def rounds(number: int) -> str:
    return f"{number} round{'' if number == 1 else 's'}"
