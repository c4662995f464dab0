"""Completion of `copg` in bash, which asks the program itself."""

from __future__ import annotations

import subprocess

import pytest

from test_reference import ROOT
from top_terminal import COPG

ASK = """
source "$1/tools/completion/copg.bash"
COMP_WORDS=("${@:2}")
COMP_CWORD=$(($# - 2))
_copg
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(*words: str) -> list[str]:
    command = ["bash", "-c", ASK, "bash", str(ROOT), str(COPG), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["w"], ["with-postgres"]),
        (["t"], ["tune", "top"]),
        (["--ver"], ["--version"]),
        (["with-postgres", "--t"], ["--tcp", "--tls"]),
        (["exec", "--c"], ["--csv"]),
        (["tune", "--file", "READ"], ["README.md"]),
        (["with-postgres", "--", "p"], []),
        (["no-such-command", "n"], []),
    ],
)
def test_it_offers_what_the_program_takes(words: list[str], expected: list[str]) -> None:
    assert completed(*words) == expected


def test_it_offers_each_command_and_option_of_the_help() -> None:
    assert {"ping", "exec", "with-postgres", "tune", "top"} <= set(completed(""))
    assert {"--url", "--count", "--json", "--help"} <= set(completed("ping", "-"))
