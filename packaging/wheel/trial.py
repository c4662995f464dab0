"""Tries a wheel where nothing of what it was built with is installed."""

from __future__ import annotations

import os
import pathlib
import resource
import shutil
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Sequence

from build import FOLDER, libraries_of
from steps import Failure, quietly

FIRST_QUERY = pathlib.Path(__file__).with_name("first_query.py")
TREE = FOLDER / "bare-debian-12.tar"
# Of the processor, from `pip install` to the first answers.
MOST_SECONDS = 10.0

# How a command is run where the wheel is tried.
Run = Callable[[Sequence[str]], str]


def make_tree() -> None:
    """An archive of a Debian 12 with Python, and without compiler, libpq and Boost. Needs root, and mmdebstrap."""
    if not TREE.exists():
        parts = "--include=python3,python3-venv"
        quietly(
            ["mmdebstrap", "--variant=minbase", parts, "bookworm", f"{TREE}.part"], hint="scripts/bootstrap mmdebstrap"
        )
        pathlib.Path(f"{TREE}.part").rename(TREE)


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def install_and_ask(run: Run, python: str, venv: str, wheel: str, program: str) -> str:
    """Makes a virtual environment, then measures what a user waits for."""
    run([python, "-m", "venv", venv])
    clock, processor = time.monotonic(), processor_seconds()
    run([f"{venv}/bin/python", "-m", "pip", "install", "--no-index", "--no-deps", "--quiet", wheel])
    said = run([f"{venv}/bin/python", program])
    clock, processor = time.monotonic() - clock, processor_seconds() - processor
    if "the first queries are answered" not in said:
        raise Failure(f"{program} has not come to its end: {said}")
    run([f"{venv}/bin/copg", "ping", "--count", "1"])
    if processor > MOST_SECONDS:
        raise Failure(f"installing and asking took {processor:.1f} s of the processor")
    return f"installed and answered in {clock:.1f} s, {processor:.1f} s of the processor"


def try_with(python: pathlib.Path, wheel: pathlib.Path) -> str:
    """In a virtual environment of that interpreter."""
    environment = libraries_of(python)
    with tempfile.TemporaryDirectory() as folder:
        run: Run = lambda command: quietly(command, environment, pathlib.Path(folder))  # noqa: E731
        return install_and_ask(run, str(python), f"{folder}/venv", str(wheel), str(FIRST_QUERY))


def try_in_bare_tree(wheel: pathlib.Path) -> str:
    """In a tree of Debian 12, for its Python, 3.11."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        tree = pathlib.Path(folder, "tree")
        tree.mkdir()
        quietly(["tar", "-C", tree, "-xf", TREE])
        for name in ("gcc", "cc", "c++", "pg_config", "psql"):
            if list(tree.glob(f"usr/bin/{name}*")):
                raise Failure(f"the tree is not bare, it has {name}")
        for name in ("libpq", "libboost"):
            if list(tree.glob(f"usr/lib/*/{name}*")):
                raise Failure(f"the tree is not bare, it has {name}")
        for file in (wheel, FIRST_QUERY):
            shutil.copy(file, tree)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(os.environ["DATABASE_URL"]).query)
        for certificate in query.get("sslrootcert", []):
            there = tree / certificate.lstrip("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(certificate, there)
        run: Run = lambda command: quietly(["chroot", tree, *command])  # noqa: E731
        return install_and_ask(run, "/usr/bin/python3", "/venv", f"/{wheel.name}", f"/{FIRST_QUERY.name}")
