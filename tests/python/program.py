"""A Python program with a pool, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time


class Program:
    """A Python program with a pool, that says when it is ready and what has become of it."""

    def __init__(self, body: str, **environment: str) -> None:
        lines = "import os, pycopg, signal, sys, threading, time\ndb = pycopg.PooledDatabase.from_env()\n"
        lines += "def ready(): print('ready', flush=True)\n"
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-c", lines + textwrap.dedent(body)],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]

    def end(self) -> tuple[int, str, float]:
        """Its exit code, what it wrote to stderr, and how long that took from here."""
        began = time.monotonic()
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors, time.monotonic() - began
