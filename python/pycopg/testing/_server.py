"""A PostgreSQL server of one's own, made in a second, gone without a trace.

`copg with-postgres` does the same for a command, from C++ (src/testing/throwaway_postgres.cpp). The wheel has no such
program, so that this is written again, in Python, without a TCP port, TLS or passwords.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time
import weakref
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote

from ._installation import User, find_programs, user_for_server
from ._watched_folder import WatchedFolder

Self = TypeVar("Self", bound="Server")

_STOP_TIMEOUT_S = 20.0
_POLL_S = 0.005
_DROPPED = ("PG", "LC_", "LANG")
_INITDB = [
    *("--no-sync", "--auth=trust", "--username=postgres"),
    *("--encoding=UTF8", "--locale=C.UTF-8", "--wal-segsize=1"),
]


class Server:
    """A PostgreSQL server in a temporary folder, which listens on a Unix socket there and on no port.

    The constructor returns when the server is ready, after about a second. The server ends with `close`, with the
    `with` block, with this object, or with this process, even if that is killed; the folder goes with it. It gives up
    durability for speed (`fsync = off`): it is for data that nobody wants to keep. If this process is root's, the
    server runs as `postgres` or `nobody`. Not thread-safe. A forked child must not use it.

    `settings`: lines of postgresql.conf, such as `{"max_connections": "20"}`. `start_timeout`: how long the server may
    take to be ready, in seconds. Raises PostgresNotFound if no server is installed, RuntimeError with the server's
    words if it does not start.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, *, start_timeout: float = 60.0) -> None:
        programs = find_programs()
        user = user_for_server()
        folder = WatchedFolder(user)
        self._folder = folder.path
        self._finish = weakref.finalize(self, _end, os.getpid(), folder, processes := [])
        try:
            data = self._folder / "data"
            _run(self._folder, user, programs / "initdb", *_INITDB, "--pgdata", data)
            _write_settings(data, self._folder, settings or {})
            process = _spawn(self._folder, user, programs / "postgres", "-D", data)
            processes.append(process)
            _wait_until_ready(process, data, start_timeout, self._folder)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """The address of its database `postgres`, for the superuser `postgres`, who needs no password."""
        return f"postgresql://postgres@/postgres?host={quote(os.fspath(self._folder), safe='')}&port=5432"

    @property
    def socket_folder(self) -> pathlib.Path:
        """Where its socket is: the host, for a client; the port is 5432."""
        return self._folder

    @property
    def log(self) -> str:
        """What the server has written to its log so far; empty after `close`."""
        return _log(self._folder)

    def close(self) -> None:
        """Ends the server and removes its folder. Connections are cut. Blocks for some 0.1 s. Nothing after that."""
        self._finish()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


Process = subprocess.Popen[bytes]


def _end(owner: int, folder: WatchedFolder, processes: list[Process]) -> None:
    if os.getpid() != owner:  # a forked child, which must leave its parent's server alone
        return
    for process in processes:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    folder.remove()


def _spawn(folder: pathlib.Path, user: User, *arguments: str | os.PathLike[str]) -> Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    environment["LC_ALL"] = "C"
    with open(folder / "log", "ab") as log:
        return subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
        )


def _run(folder: pathlib.Path, user: User, *arguments: str | os.PathLike[str]) -> None:
    if _spawn(folder, user, *arguments).wait() != 0:
        raise RuntimeError(f"{os.fspath(arguments[0])} failed:\n{_log(folder)}")


def _write_settings(data: pathlib.Path, folder: pathlib.Path, given: Mapping[str, str]) -> None:
    settings = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": os.fspath(folder),
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "dynamic_shared_memory_type": "mmap",  # in the data folder, so that a killed server leaves nothing in /dev/shm
        **given,
    }
    with open(data / "postgresql.auto.conf", "w", encoding="utf-8") as file:
        for name, value in settings.items():
            quoted = str(value).replace("\\", "\\\\").replace("'", "''")
            file.write(f"{name} = '{quoted}'\n")


def _wait_until_ready(process: Process, data: pathlib.Path, timeout_s: float, folder: pathlib.Path) -> None:
    deadline = time.monotonic() + timeout_s
    while not _is_ready(process, data / "postmaster.pid"):
        if process.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start:\n{_log(folder)}")
        if time.monotonic() >= deadline:
            raise RuntimeError(f"PostgreSQL was not ready after {timeout_s:g} s:\n{_log(folder)}")
        time.sleep(_POLL_S)


def _is_ready(process: Process, status: pathlib.Path) -> bool:
    """As pg_ctl finds it out: by the eighth line of the server's postmaster.pid."""
    status_line = 8
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= status_line and lines[0] == str(process.pid) and lines[7].startswith("ready")


def _log(folder: pathlib.Path) -> str:
    try:
        return (folder / "log").read_text(errors="replace")
    except OSError:
        return ""
