"""What else is in the process keeps its OpenSSL and its libpq, and pycopg keeps its own."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import pycopg
from pycopg import _native

ROOT = pathlib.Path(__file__).parents[2]
COPG = os.environ.get("COPG_COMMAND", ROOT / "build/dev/bin/copg")


def test_the_module_shows_nothing_but_its_entry() -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm of binutils is not installed")
    module = _native.__file__
    assert module is not None
    listed = subprocess.run([nm, "-D", "--defined-only", "-P", module], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["PyInit__native"]


@pytest.mark.parametrize(
    "modules", [("ssl", "psycopg", "pycopg"), ("pycopg", "psycopg", "ssl"), ("psycopg", "pycopg", "ssl")], ids=" ".join
)
def test_each_module_of_a_process_uses_tls(modules: tuple[str, ...]) -> None:
    if not pathlib.Path(COPG).exists():
        pytest.skip(f"{COPG} is not built")
    program = [sys.executable, str(ROOT / "tests/python/neighbours.py"), *modules]
    # Without what the server of the other tests has put there.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DATABASE_"))}
    environment["PYTHONPATH"] = str(pathlib.Path(pycopg.__file__).parents[1])
    done = subprocess.run(
        [COPG, "with-postgres", "--tls", "--", *program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "all have TLS\n"), done.stderr
