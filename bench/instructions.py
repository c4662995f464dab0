"""Counts the instructions of one piece of work on each face of copg, with Valgrind's callgrind.

The client's, libpq's and the interpreter's, without the kernel's. Each piece is run a few times and many times; the
difference is what one costs, without the start and the end of the program. Needs valgrind, and a server in
DATABASE_URL, in which it makes tables and a function whose names begin with bench_loop. Called by
`scripts/bench instructions`, which provides both.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess

import program

HERE = pathlib.Path(__file__).resolve().parent
FEW, MANY = 300, 1300
WORKS = ("select", "fetch_val", "insert", "transaction", "function", "block")
FACES = {
    "threads": ("c++", WORKS[:5]),
    "asio": ("c++", WORKS[:4]),
    "pycopg": ("python", (*WORKS[:4], "block")),
    "asyncio": ("python", (*WORKS[:4], "block")),
}
TABLES = """
DROP TABLE IF EXISTS bench_loop, bench_loop_log;
CREATE TABLE bench_loop (id int PRIMARY KEY, name text);
INSERT INTO bench_loop SELECT n, 'user ' || n FROM generate_series(0, 99) n;
CREATE TABLE bench_loop_log (id int);
CREATE OR REPLACE FUNCTION bench_loop_f(n int) RETURNS int LANGUAGE sql AS 'SELECT n';
"""


def instructions(command: list[str]) -> float:
    few, many = (program.counted([*command, str(count)]) for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench instructions", description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--python", help="the interpreter that has the pycopg to be counted; none: C++ only")
    parser.add_argument("--face", action="append", choices=FACES, help="only this face; may be repeated")
    parser.add_argument("--work", action="append", choices=WORKS, help="only this work; may be repeated")
    parser.add_argument("--save", type=pathlib.Path, metavar="FILE", help="write the figures into it, as JSON")
    parser.add_argument("--against", type=pathlib.Path, metavar="FILE", help="show the ratio to saved figures")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    before = json.loads(arguments.against.read_text()) if arguments.against else {}
    made = subprocess.run([str(arguments.bin / "copg"), "exec", TABLES], check=False)
    if made.returncode != 0:
        return 1
    figures: dict[str, float] = {}
    print(f"{'face':<10}{'work':<14}{'instructions':>13}" + (f"{'before':>10}{'ratio':>8}" if before else ""))
    for face, (language, works) in FACES.items():
        if (arguments.face and face not in arguments.face) or (language == "python" and not arguments.python):
            continue
        loop = [str(arguments.bin / "copg-bench-loop")]
        if language == "python":
            loop = [arguments.python, "-B", str(HERE / "instructions" / "loop.py")]
        for work in works:
            if arguments.work and work not in arguments.work:
                continue
            name = f"{face} {work}"
            figures[name] = instructions([*loop, {"pycopg": "threads"}.get(face, face), work])
            line = f"{face:<10}{work:<14}{figures[name]:>13,.0f}"
            if name in before:
                line += f"{before[name]:>10,.0f}{figures[name] / before[name]:>8.3f}"
            print(line, flush=True)
    if arguments.save:
        arguments.save.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    program.run(main)
