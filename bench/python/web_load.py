"""Starts a web service, puts it under wrk, ends it: requests/s, latency, and the processor time of the service."""

from __future__ import annotations

import json
import os
import pathlib
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import load
import scenarios
from statements import USERS

HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 64
THREADS = 10  # of gunicorn's worker
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15


def command_of(scenario: scenarios.Scenario, contender: str, size: int) -> list[str]:
    python = [sys.executable, "-B"]
    if scenario.web == "flask":
        options = ["--workers", "1", "--worker-class", "gthread", "--threads", str(THREADS), "--bind", "127.0.0.1:0"]
        return [*python, "-m", "gunicorn", "--chdir", str(HERE), *options, "web_flask:app"]
    loop = "uvloop" if scenario.web.endswith("uvloop") else "asyncio"
    return [*python, str(HERE / "web_fastapi.py"), contender, loop, str(size)]


def _address(service: subprocess.Popen[str], output: IO[str]) -> str:
    """What the service says that it listens on."""
    said = ""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        deadline = time.monotonic() + START_TIMEOUT_S
        while selector.select(max(deadline - time.monotonic(), 0)):
            line = output.readline()
            if not line:
                break
            said += line
            if found := re.search(r"listening (?:on|at): ?(http://\S+)|listening on (http://\S+)", line, re.IGNORECASE):
                return found[1] or found[2]
    raise RuntimeError(f"the service did not start (exit code {service.poll()}): {said}")


@contextmanager
def _service(scenario: scenarios.Scenario, contender: str, size: int) -> Iterator[tuple[int, str]]:
    environment = os.environ | {"COPG_BENCH_CONTENDER": contender, "COPG_BENCH_POOL_SIZE": str(size)}
    with subprocess.Popen(
        command_of(scenario, contender, size),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,  # Ctrl-C is ours: it is ended below
    ) as service:
        try:
            assert service.stdout is not None
            yield service.pid, _address(service, service.stdout)
        finally:
            service.terminate()
            try:
                service.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                service.kill()
                raise RuntimeError(f"{contender}: the service did not end") from None


def _cpu_s(pid: int) -> float:
    """Processor time so far of a process and its children, with their threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime (proc(5))
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(_cpu_s(int(child)) for child in children)


def _wrk(url: str, seconds: int) -> dict[str, Any]:
    script = str(HERE.parent / "http_load.lua")
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
    environment = os.environ | {"COPG_BENCH_USERS": str(USERS)}
    ran = subprocess.run(
        [*command, "--script", script, url],
        capture_output=True,
        text=True,
        timeout=seconds + START_TIMEOUT_S,
        env=environment,
    )
    if ran.returncode != 0:
        raise RuntimeError(f"wrk failed: {ran.stdout}{ran.stderr}")
    result: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return result


def measure(scenario: scenarios.Scenario, contender: str, seconds: float, size: int) -> load.Measurement:
    with _service(scenario, contender, size) as (pid, address):
        _wrk(address, 1)  # connects, prepares statements, fills caches
        before_s = _cpu_s(pid)
        result = _wrk(address, max(round(seconds), 1))
        cpu_s = _cpu_s(pid) - before_s
    requests = max(result["requests"], 1)
    per_s = result["requests"] / result["duration_us"] * 1e6
    return load.Measurement(per_s, cpu_s / requests * 1e6, result["p50_us"], result["p99_us"], result["errors"])
