"""Many rows to structs in C++: CPU time and instructions per row, of copg, libpqxx and loops on bare libpq.

The contestants take turns in one process. The instructions are counted by Valgrind's callgrind, the client's and
libpq's without the kernel's: the difference between a few and more readings of 10,000 rows. Needs a server in
DATABASE_URL. Called by `scripts/bench rows`, which provides both.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess

import program

MIXES = {
    "plain": "int4, text, text that may be NULL, bool, float8, int8",
    "dated": "int8, text, timestamptz, numeric, bool, text that may be NULL",
}
ROWS, FEW, MORE = 10_000, 2, 6
TARGET = 0.8  # of libpqxx's CPU


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench rows", description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=200, help="turns of each contestant (200)")
    parser.add_argument("--no-instructions", action="store_true", help="do not count them, which takes a minute")
    return parser.parse_args()


def instructions(binary: str, mix: str, contestant: str) -> float:
    few, more = (program.counted([binary, mix, contestant, str(count)]) for count in (FEW, MORE))
    return (more - few) / (MORE - FEW) / ROWS


def main() -> int:
    arguments = parse()
    binary = str(arguments.bin / "copg-bench-rows")
    reached = []
    print("Per row: CPU time in ns (middle half of the rounds), wall time in ns; x: copg's CPU to this one's. Medians.")
    print("unread: libpq receives the rows and nobody reads them. by-hand: libpq, and a loop for just these columns.")
    for mix, columns in MIXES.items():
        print(f"\n{mix}: {columns}")
        print(f"  {'':<10}{'CPU':>6}{'':>12}{'wall':>7}{'x CPU':>8}{'instructions':>14}")
        ran = subprocess.run([binary, mix, str(arguments.rounds)], capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise RuntimeError(ran.stderr.strip())
        for line in ran.stdout.splitlines():
            contestant, *numbers = line.split()
            cpu, low, high, wall, ratio = map(float, numbers)
            said = f"  {contestant:<10}{cpu:>6,.0f}{f'({low:,.0f}-{high:,.0f})':>12}{wall:>7,.0f}{ratio:>8.2f}"
            if not arguments.no_instructions:
                said += f"{instructions(binary, mix, contestant):>14,.0f}"
            print(said, flush=True)
            if contestant == "libpqxx":
                reached.append(f"{mix}: {ratio:.2f} x libpqxx's CPU, to be reached: {TARGET}")
    print("\n" + "\n".join(reached or ["libpqxx was not there to compare with"]))
    return 0


if __name__ == "__main__":
    program.run(main)
