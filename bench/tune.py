"""Compares the advice of `copg tune` with the best of all sizes, on three loads.

For each load `copg tune` is asked for its advice, and then measures every size up to --max. What counts is the
throughput of the advised size in that second measurement, as a part of the largest in it. Needs a server in
DATABASE_URL, in which it makes a table whose name begins with bench_tune. Called by `scripts/bench tune`.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess

import program

TO_REACH = 0.85
TABLES = """
DROP TABLE IF EXISTS bench_tune;
CREATE TABLE bench_tune (id int PRIMARY KEY, name text, amount int);
INSERT INTO bench_tune SELECT n, 'user ' || n, n % 97 FROM generate_series(0, 9999) n;
ANALYZE bench_tune
"""
LOADS = {
    "point select": ["SELECT id, name FROM bench_tune WHERE id = (SELECT floor(random() * 10000)::int)"],
    "report": ["SELECT amount, count(*), sum(id) FROM bench_tune GROUP BY amount"],
    "waits 5 ms, alone": ["--no-share", "SELECT pg_sleep(0.005)"],
}


def tune(arguments: argparse.Namespace, load: str, *more: str) -> dict:
    command = [str(arguments.bin / "copg"), "tune", "--json", "--callers", str(arguments.callers)]
    command += ["--seconds", str(arguments.seconds), "--rounds", str(arguments.rounds), *more, *LOADS[load]]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed")
    return json.loads(ran.stdout)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench tune", description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--load", action="append", choices=LOADS, help="only this one; may be repeated")
    parser.add_argument("--callers", type=int, default=32, help="threads that ask at the same time (%(default)s)")
    parser.add_argument("--max", type=int, default=32, help="the largest size (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="for each size (%(default)s)")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    for statement in TABLES.strip().split(";\n"):
        if subprocess.run([str(arguments.bin / "copg"), "exec", statement], stdout=subprocess.DEVNULL).returncode != 0:
            return 1
    print(f"{'load':<20}{'advice':>8}{'requests/s':>12}{'best':>8}{'requests/s':>12}{'part':>7}   to reach {TO_REACH}")
    every = ",".join(str(size) for size in range(1, arguments.max + 1))
    missed = 0
    for load in arguments.load or LOADS:
        advice = tune(arguments, load, "--max", str(arguments.max))["connections"]
        rates = {
            each["size"]: each["requests_per_second"] for each in tune(arguments, load, "--sizes", every)["results"]
        }
        best = max(rates, key=rates.__getitem__)
        part = rates[advice] / rates[best]
        missed += part < TO_REACH
        print(f"{load:<20}{advice:>8}{rates[advice]:>12,.0f}{best:>8}{rates[best]:>12,.0f}{part:>7.2f}", flush=True)
    print("reached" if missed == 0 else f"missed by {missed}")
    return 0


if __name__ == "__main__":
    program.run(main)
