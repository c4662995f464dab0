"""The manual page of `copg`, which is made from what the program says of itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from test_reference import ROOT
from top_terminal import COPG

PAGE = ROOT / "tools" / "copg.1"


def test_it_is_what_the_program_says() -> None:
    command = [sys.executable, "-B", str(ROOT / "scripts" / "manual"), "--check", str(COPG)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_each_command_and_option_of_the_help_is_in_it() -> None:
    text = PAGE.read_text().replace("\\-", "-")
    helped = subprocess.run([COPG, "--help-all"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"^\s+(?:-\w,)?(--[a-z-]+)", helped, re.MULTILINE))
    assert {"--tls", "--sizes", "--no-texts"} <= options
    assert {option for option in options if f"\\fB{option}\\fR" not in text} == set()
    for command in ("with-postgres", "ping", "exec", "tune", "top"):
        assert f".SS {command}\n" in text


def test_it_is_typeset_without_a_warning() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", str(PAGE)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
