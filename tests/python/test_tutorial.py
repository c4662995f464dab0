"""The tutorial's program after each of its steps: run as its readers run it, it prints what the page says."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

from test_reference import ROOT

PAGE = ROOT / "docs" / "tutorial" / "python.md"
BLOCK = re.compile(r"^```(python|text output)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[str, str]]:
    """(program, what it prints) after each step, without what earlier steps have."""
    found: list[tuple[str, str]] = []
    for section in re.split(r"^## \d\. ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        blocks = BLOCK.findall(section)
        program = "\n".join(text for kind, text in blocks if kind == "python")
        found.append((program, "".join(text for kind, text in blocks if kind != "python")))
    return found


STEPS = steps()


def test_it_has_seven_steps_which_all_print_something() -> None:
    assert len(STEPS) == 7
    assert all(program and output for program, output in STEPS)


@pytest.mark.parametrize("count", [1, 7])  # the last one has printed what each of the others prints
def test_the_program_prints_what_the_page_says(
    count: int, server_url: str, schema: str, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "tickets.py"
    file.write_text("\n\n".join(program for program, _ in STEPS[:count]))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(file)], capture_output=True, text=True, timeout=60, env=dict(os.environ)
    )
    assert done.stderr == ""
    assert done.stdout == "".join(output for _, output in STEPS[:count])
