"""What the benchmarks without peers of Python's have in common."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable


def counted(command: list[str]) -> int:
    """The instructions of a whole run, the client's and its libraries' without the kernel's, counted by callgrind."""
    ran = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=False,
    )
    found = re.search(r"Collected : (\d+)", ran.stderr)
    if ran.returncode != 0 or not found:
        raise RuntimeError(f"{' '.join(command)} failed: {ran.stderr[-2000:]}")
    return int(found[1])


def run(main: Callable[[], int]) -> None:
    """As the whole program."""
    try:
        sys.exit(main())
    except (RuntimeError, OSError) as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
