"""The types that the package declares: complete, and true of the native module."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

import pycopg

HERE = pathlib.Path(__file__).parent
PACKAGE = pathlib.Path(pycopg.__file__).parent


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=HERE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("what", [PACKAGE, HERE / "usage.py"], ids=lambda path: path.name)
def test_mypy_strict_finds_nothing(what: pathlib.Path) -> None:
    run("mypy", "--strict", "--no-incremental", str(what))


def test_the_stubs_are_those_of_the_module() -> None:
    run("mypy.stubtest", "pycopg._native")


def test_the_package_is_marked_as_typed() -> None:
    assert (PACKAGE / "py.typed").exists()
