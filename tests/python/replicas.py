"""A primary and standbys that stream from it, for the tests. All of them end with this process, however that ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import weakref
from collections.abc import Iterator

import pycopg
from conftest import eventually
from pycopg.testing import Server, _server
from pycopg.testing._installation import find_programs, user_for_server
from pycopg.testing._watched_folder import WatchedFolder

SETTINGS = {
    "wal_level": "replica",
    "max_wal_senders": "10",
    "wal_keep_size": "256",
    "synchronous_commit": "on",
    "wal_retrieve_retry_interval": "100ms",
}


class Member(Server):
    """One of them. Without a primary to follow it is one."""

    def __init__(self, name: str, primary: Server | None = None) -> None:
        self.name = name
        settings = SETTINGS | {"cluster_name": name}
        if primary is None:
            super().__init__(settings)
            return
        programs = (find_programs() / "initdb").resolve().parent  # not every program is on PATH
        user = user_for_server()
        folder = WatchedFolder(user)
        self._folder = folder.path
        self._finish = weakref.finalize(self, _server._end, os.getpid(), folder, processes := [])
        data = self._folder / "data"
        backup = programs / "pg_basebackup"
        _server._run(self._folder, user, backup, "-D", data, "-c", "fast", "--no-sync", "-d", primary.url)
        settings["primary_conninfo"] = f"host={primary.socket_folder} user=postgres"
        _server._write_settings(data, self._folder, settings)
        (data / "standby.signal").touch()
        process = _server._spawn(self._folder, user, programs / "postgres", "-D", data)
        processes.append(process)
        _server._wait_until_ready(process, data, 60, self._folder)

    def ask(self, sql: str) -> object:
        """The first value that a statement returns, without a pool."""
        with pycopg.connect(self.url, autocommit=True) as connection:
            return connection.fetch_val(sql)

    def promote(self) -> None:
        """Returns once it takes writes."""
        self.ask("SELECT pg_promote(true, 60)")

    def kill(self) -> None:
        """All of its processes, at once."""
        pid = int((self._folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.killpg(pid, signal.SIGKILL)
        listed = ["ps", "-o", "pid=", "--ppid", str(pid)]
        for child in subprocess.run(listed, capture_output=True, text=True, check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)

    def pause_replay(self) -> None:
        """It takes in what is written, and shows none of it."""
        self.ask("SELECT pg_wal_replay_pause()")
        eventually(lambda: self.ask("SELECT pg_get_wal_replay_pause_state()") == "paused")


class Replicas:
    """The first is the primary, to begin with, and the others follow it."""

    def __init__(self, standbys: int) -> None:
        self.members: list[Member] = []
        try:
            for number in range(standbys + 1):
                self.members.append(Member(f"s{number}", self.members[0] if number else None))
        except BaseException:
            self.close()
            raise

    def __getitem__(self, number: int) -> Member:
        return self.members[number]

    @property
    def config(self) -> pycopg.Config:
        """Of all hosts, the primary last."""
        hosts = ",".join(str(member.socket_folder) for member in reversed(self.members))
        return pycopg.Config(host=hosts, user="postgres", database="postgres", options={"port": "5432"})

    def caught_up(self) -> None:
        """Waits until all have replayed what the first has written."""
        written = self[0].ask("SELECT pg_current_wal_flush_lsn()::text")
        for standby in self.members[1:]:
            eventually(lambda it=standby: it.ask(f"SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn"))

    def close(self) -> None:
        for member in self.members:
            member.close()


@contextlib.contextmanager
def replicas(standbys: int = 1) -> Iterator[Replicas]:
    made = Replicas(standbys)
    try:
        yield made
    finally:
        made.close()
