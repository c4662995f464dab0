"""How long a file compiles that includes one header and nothing else, with g++ -O2, copg's beside others'.

CPU time of the compiler: the least of the rounds, in which all take turns. Called by `scripts/bench headers`.
"""

from __future__ import annotations

import argparse
import pathlib
import resource
import subprocess

import program

ROOT = pathlib.Path(__file__).resolve().parent.parent
WITHIN = {"copg/copg.hpp": 1.2, "copg/async.hpp": 2.2}  # seconds, to be reached
OTHERS = ("pqxx/pqxx", "chrono")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench headers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is compiled (5)")
    parser.add_argument("--compiler", default="g++", help="another one (g++)")
    return parser.parse_args()


def seconds(compiler: str, header: str) -> float | None:
    """None: there is no such header."""
    command = [compiler, "-std=c++20", "-O2", f"-I{ROOT / 'include'}", "-x", "c++", "-c", "-", "-o", "/dev/null"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, input=f"#include <{header}>\n", text=True, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode == 0:
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    if "No such file" in ran.stderr and header in OTHERS:
        return None
    raise RuntimeError(ran.stderr)


def main() -> int:
    arguments = parse()
    least: dict[str, float] = {}
    for _ in range(arguments.rounds):
        for header in (*WITHIN, *OTHERS):
            if (taken := seconds(arguments.compiler, header)) is not None:
                least[header] = min(taken, least.get(header, taken))
    print(f"{'header':<18}{'seconds':>8}{'':>16}" + "".join(f"{'x ' + other:>13}" for other in OTHERS))
    for header, taken in least.items():
        wanted = f"to be: {WITHIN[header]:.2f}" if header in WITHIN else ""
        ratios = "".join(f"{taken / least[other]:>13.2f}" if other in least else f"{'':>13}" for other in OTHERS)
        print(f"{header:<18}{taken:>8.2f}{wanted:>16}{ratios}")
    return 0


if __name__ == "__main__":
    program.run(main)
