"""How scripts/wheel says how far it is, and what went wrong."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

LAST_LINES = 40


class Failure(Exception):
    """What the user reads; the script ends with exit code 1."""


def quietly(
    command: Sequence[str | pathlib.Path],
    environment: Mapping[str, str] | None = None,
    folder: pathlib.Path | None = None,
    hint: str = "",
) -> str:
    """Runs a command and returns what it writes to stdout. Raises Failure, with its last lines, if it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, env={**os.environ, **(environment or {})}, cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise Failure(f"{words[0]} was not found: {hint or 'is it installed?'}") from None
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-LAST_LINES:])
        raise Failure(f"{said}\n{' '.join(words)} ended with {done.returncode}")
    return done.stdout


@contextmanager
def step(what: str) -> Iterator[None]:
    """A line of progress: what is done now, and how long it took."""
    print(f"{what} ...", end="", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print(file=sys.stderr)
        raise
    print(f" {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
