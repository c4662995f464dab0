"""A PgBouncer in front of a server, for the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pycopg
from conftest import eventually
from pycopg.testing._installation import user_for_server

# Reads nothing until the process that made it closes the pipe, or dies.
KEEPER = '"$1" "$2" & read -r word; kill "$!"; wait "$!"'


@contextlib.contextmanager
def pgbouncer(server: pycopg.Config, pool_mode: str) -> Iterator[pycopg.Config]:
    """How to reach it. It ends with the block, or with this process, and refuses to be root."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "PgBouncer is not installed: scripts/bootstrap does that"
    user = user_for_server()
    with tempfile.TemporaryDirectory(prefix="copg-pgbouncer-") as folder:
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        settings = Path(folder) / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={server.host} port={server.port} user={server.user}\n"
            f"[pgbouncer]\nunix_socket_dir = {folder}\nauth_type = any\npool_mode = {pool_mode}\n"
            "ignore_startup_parameters = options\n"  # of PGOPTIONS, by which each test has its schema
        )
        log = (Path(folder) / "log").open("w+")
        process = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER, "keeper", program, str(settings)],
            stdin=subprocess.PIPE,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            eventually((Path(folder) / ".s.PGSQL.6432").exists)
            yield pycopg.Config(host=folder, port=6432, user=server.user, database=server.database)
        finally:
            process.communicate()
            log.close()
