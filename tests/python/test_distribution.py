"""The distribution is named copg, the package pycopg; another project's distribution is named pycopg."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import subprocess
import sys

import pytest

import pycopg

HERE = pathlib.Path(pycopg.__file__).parent


def imported_from(site_packages: pathlib.Path) -> str:
    """What an interpreter says when it imports a pycopg that is installed there."""
    (site_packages / "pycopg").symlink_to(HERE)
    program = [sys.executable, "-c", "import pycopg; print(pycopg.__file__)"]
    environment = {**os.environ, "PYTHONPATH": str(site_packages)}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith(str(site_packages)), done.stdout
    return done.stderr


def test_the_distribution_has_the_version_of_the_package() -> None:
    assert importlib.metadata.version("copg") == pycopg.__version__


@pytest.mark.parametrize("information", ["pycopg-1.2.0.dist-info", "pycopg-1.2.0-py3.11.egg-info"])
def test_another_distribution_with_a_package_of_our_name_is_warned_of(tmp_path: pathlib.Path, information: str) -> None:
    (tmp_path / information).mkdir()
    said = imported_from(tmp_path)
    assert "RuntimeWarning: the distribution pycopg 1.2.0" in said
    assert f"is installed in {tmp_path} beside copg" in said
    assert "pip uninstall pycopg copg, then pip install copg" in said


def test_our_own_distribution_is_not_warned_of(tmp_path: pathlib.Path) -> None:
    (tmp_path / "copg-0.1.0.dist-info").mkdir()
    (tmp_path / "pycopg_extras-1.0.dist-info").mkdir()
    assert imported_from(tmp_path) == ""
