"""Runs clang-format or clang-tidy over the project. Exits with 77 (skipped) when the program is missing.

usage: clang_tools.py format FOLDER PROGRAM
       clang_tools.py tidy FOLDER PROGRAM BUILD
"""

import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

SKIPPED = 77
# Where a mistake costs most: the decisions, and the talk with the server. The longest first; two minutes of CPU in all.
TIDY_FOLDERS = ("src/engine", "src/pq", "src/pool", "src/cluster", "src/sql")
FORMAT_FOLDERS = ("include", "src", "sim", "tools", "tests", "bench", "examples", "python")


def check_format(root: pathlib.Path, program: str) -> int:
    files = [path for folder in FORMAT_FOLDERS for path in sorted((root / folder).rglob("*.[hc]pp"))]
    return subprocess.run([program, "--dry-run", "-Werror", "--style=file", *files], check=False).returncode


def compiler_arguments(entry: dict[str, str]) -> list[str]:
    """What a file is compiled with, without the compiler, the file and its output."""
    words = shlex.split(entry["command"])
    start = next(at for at, word in enumerate(words) if word.startswith("-"))
    return [word for word in words[start : words.index("-o")] if word != "-c"]


def tidy_room(
    folder: pathlib.Path, program: str, entries: dict[pathlib.Path, dict[str, str]], work: pathlib.Path
) -> str:
    """What clang-tidy says of the files of a folder, read as one unit: most of its time goes to what they include."""
    files = [path for path in sorted(folder.rglob("*.cpp")) if path in entries]
    if not files:
        return f"{folder}: no file to look at\n"
    unit = work / f"UnifiedSource-{folder.name}.cpp"  # so named, clang's analyzer also follows what it includes
    unit.write_text("".join(f'#include "{path}"\n' for path in files))
    command = [program, "--quiet", f"--config-file={folder.parents[1] / '.clang-tidy'}"]
    command += ["--checks=-bugprone-suspicious-include", str(unit), "--"]
    command += [*compiler_arguments(entries[files[0]]), "-Wno-unknown-warning-option"]
    command += ["-Xclang", "-analyzer-config", "-Xclang", "mode=shallow"]  # deep, it takes minutes for a room
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    return result.stdout + result.stderr if result.returncode != 0 else ""


def check_tidy(root: pathlib.Path, program: str, build: pathlib.Path) -> int:
    compiled = json.loads((build / "compile_commands.json").read_text())
    entries = {pathlib.Path(entry["file"]): entry for entry in compiled}
    with tempfile.TemporaryDirectory() as work, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        rooms = [root / folder for folder in TIDY_FOLDERS]
        said = list(pool.map(lambda room: tidy_room(room, program, entries, pathlib.Path(work)), rooms))
    print("".join(said), end="")
    return 1 if any(said) else 0


def main(mode: str, root: str, program: str, *build: str) -> int:
    if program.endswith("-NOTFOUND"):
        print(f"{program}: not installed")
        return SKIPPED
    if mode == "format":
        return check_format(pathlib.Path(root).resolve(), program)
    return check_tidy(pathlib.Path(root).resolve(), program, pathlib.Path(build[0]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
