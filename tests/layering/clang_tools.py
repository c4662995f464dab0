"""Runs clang-format or clang-tidy over the project. Exits with 77 (skipped) when the program is missing.

usage: clang_tools.py format FOLDER PROGRAM
       clang_tools.py tidy FOLDER PROGRAM BUILD
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

SKIPPED = 77
# Where a mistake costs most: the decisions, and the talk with the server. About a minute on two cores; what includes Asio
# takes half a minute a file and is left out.
TIDY_FOLDERS = ("src/pool", "src/sql", "src/pq")
FORMAT_FOLDERS = ("include", "src", "sim", "tools", "tests", "bench", "examples", "python")


def check_format(root: pathlib.Path, program: str) -> int:
    files = [path for folder in FORMAT_FOLDERS for path in sorted((root / folder).rglob("*.[hc]pp"))]
    return subprocess.run([program, "--dry-run", "-Werror", "--style=file", *files], check=False).returncode


def check_tidy(root: pathlib.Path, program: str, build: pathlib.Path) -> int:
    compiled = {entry["file"] for entry in json.loads((build / "compile_commands.json").read_text())}
    files = [
        path
        for folder in TIDY_FOLDERS
        for path in sorted((root / folder).rglob("*.cpp"))
        if str(path) in compiled
    ]
    if not files:
        print("no file to look at")
        return 1

    def tidy(path: pathlib.Path) -> subprocess.CompletedProcess[str]:
        command = [program, "--quiet", "--extra-arg=-Wno-unknown-warning-option", "-p", str(build), str(path)]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(tidy, files))
    for result in results:
        if result.returncode != 0:
            print(result.stdout + result.stderr)
    return 1 if any(result.returncode for result in results) else 0


def main(mode: str, root: str, program: str, *build: str) -> int:
    if program.endswith("-NOTFOUND"):
        print(f"{program}: not installed")
        return SKIPPED
    if mode == "format":
        return check_format(pathlib.Path(root).resolve(), program)
    return check_tidy(pathlib.Path(root).resolve(), program, pathlib.Path(build[0]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
