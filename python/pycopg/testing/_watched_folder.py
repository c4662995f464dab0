"""A temporary folder that outlives its process by a moment only, and the server in it likewise.

It does what src/testing/watched_folder.cpp does, with the same script.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from ._installation import User

# sun_path has 108 bytes; the socket's name is ".s.PGSQL.32767.lock" at its longest.
_LONGEST_SOCKET_FOLDER = 108 - 1 - 20
_PREFIX = "copg-postgres-"

# The folder is $1. The server removes postmaster.pid when it has ended, which is also true when nobody reaps
# it. Its working folder proves that the process id is still its own.
WATCHDOG = r"""
read -r word && exit 0
data=$1/data
pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$data" ]; then
  kill -QUIT "$pid"
  kill -CONT "$pid"
  tries=0
  while [ -e "$data/postmaster.pid" ] && [ "$tries" -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
  [ ! -e "$data/postmaster.pid" ] || kill -KILL "$pid"
fi
rm -rf -- "$1"
"""


class WatchedFolder:
    """Removed by `remove`, or by its watchdog when this process is gone, however it ended. Not thread-safe."""

    def __init__(self, user: User) -> None:
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_parent_for(user)))
        if user is not None:
            os.chown(self.path, user.pw_uid, user.pw_gid)
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "watchdog", os.fspath(self.path)],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def remove(self) -> None:
        """What it could not remove is left to the watchdog."""
        shutil.rmtree(self.path, ignore_errors=True)
        # A watchdog that has gone already breaks the pipe.
        with contextlib.suppress(OSError):
            self._watchdog.communicate(b"" if self.path.exists() else b"done\n")


def _parent_for(user: User) -> str:
    wanted = os.path.realpath(tempfile.gettempdir())
    too_long = len(os.fsencode(wanted)) + len(f"/{_PREFIX}XXXXXXXX") > _LONGEST_SOCKET_FOLDER
    return "/tmp" if too_long or (user is not None and not _others_can_reach(wanted)) else wanted


def _others_can_reach(folder: str) -> bool:
    path = pathlib.Path(folder)
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))
