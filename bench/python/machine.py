"""What the results depend on besides the code: versions, the machine, what else it does."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
import re

import psycopg

PACKAGES = ("copg", "psycopg", "psycopg_pool", "asyncpg", "fastapi", "uvicorn", "uvloop", "flask", "gunicorn")


def about(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        number = connection.info.server_version
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    listed = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    return {
        "versions": f"{', '.join(listed[:4])}; Python {platform.python_version()}, "
        f"PostgreSQL {number // 10000}.{number % 10000}",
        "services": ", ".join(listed[4:]),
        "psycopg": f"{psycopg.pq.__impl__} implementation, libpq {psycopg.pq.version()}",
        "machine": f"{os.cpu_count()} CPUs, {cpu[1] if cpu else platform.machine()}",
    }


def load_average() -> str:
    return " ".join(f"{one:.1f}" for one in os.getloadavg())
