"""Where PostgreSQL's programs are, and whom its server runs as: as in src/testing/postgres_installation.cpp."""

from __future__ import annotations

import os
import pathlib
import pwd
import re
from typing import Optional

User = Optional[pwd.struct_passwd]

_MISSING = (
    "found no PostgreSQL server (initdb, postgres) on PATH or in /usr/lib/postgresql/*/bin; install it with "
    "`apt-get install postgresql` (Debian, Ubuntu) or `dnf install postgresql-server` (Fedora)"
)


class PostgresNotFound(RuntimeError):
    """There is no PostgreSQL server on this machine that could be started."""


def find_programs() -> pathlib.Path:
    """The folder of `initdb` and `postgres`: the first on PATH, else the newest where systems install them."""
    for folder in os.environ.get("PATH", "").split(":"):
        if folder and _has_programs(pathlib.Path(folder)):
            return pathlib.Path(folder)
    found = _newest_below("/usr/lib/postgresql", "") or _newest_below("/usr", "pgsql-")
    if found is None and _has_programs(pathlib.Path("/usr/local/pgsql/bin")):
        found = pathlib.Path("/usr/local/pgsql/bin")
    if found is None:
        raise PostgresNotFound(_MISSING)
    return found


def user_for_server() -> User:
    """None: that of this process. Another one if this is root, as whom PostgreSQL does not run."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresNotFound("PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`")


def _has_programs(folder: pathlib.Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres"))


def _newest_below(parent: str, prefix: str) -> pathlib.Path | None:
    found = [
        (int(number[0]) if (number := re.search(r"\d+$", path.name)) else -1, path / "bin")
        for path in pathlib.Path(parent).glob(f"{prefix}*")
        if _has_programs(path / "bin")
    ]
    return max(found)[1] if found else None
