"""psycopg's connection string and keywords, as a Config of pycopg and the manners of connections."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from ..config import Config
from ..errors import ProgrammingError
from ._manners import Manners
from ._values import row_kind

FIELDS = {"host": "host", "port": "port", "dbname": "database", "user": "user", "password": "password"}
# Keywords that are no keywords of libpq.
OF_PSYCOPG = ("autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory")
_PAIR = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)")
_REFUSED = {
    "context": "types are registered with pool.types of pycopg",
    "cursor_factory": "cursors are pycopg.compat.psycopg_pool.Cursor",
}


def keywords_of(conninfo: str) -> dict[str, str]:
    """Reads `host=... dbname=...`, as libpq does. ProgrammingError, which does not show it, for what is none."""
    found, at = {}, 0
    while conninfo[at:].strip():
        pair = _PAIR.match(conninfo, at)
        if pair is None:
            raise ProgrammingError(f"conninfo: no keyword and value at its character {at + 1}")
        found[pair[1]] = re.sub(r"\\(.)", r"\1", pair[2] if pair[2] is not None else pair[3])
        at = pair.end()
    return found


def config_of(conninfo: str, keywords: Mapping[str, Any]) -> Config:
    """What is not given is taken from PGHOST and libpq's other variables; without those from libpq's defaults."""
    given = {name: str(value) for name, value in keywords.items() if value is not None}
    if re.match(r"postgres(ql)?://", conninfo):
        config = Config.from_url(conninfo)
    else:
        given = {**keywords_of(conninfo), **given}
        user = os.environ.get("PGUSER") or _system_user()
        config = Config(
            host=os.environ.get("PGHOST", ""),
            port=int(os.environ.get("PGPORT") or 5432),
            database=os.environ.get("PGDATABASE") or given.get("user", user),
            user=user,
            password=os.environ.get("PGPASSWORD", ""),
        )
    for name, field in FIELDS.items():
        if name in given and (name != "port" or given[name].isdigit()):
            setattr(config, field, int(given.pop(name)) if name == "port" else given.pop(name))
    config.options.update(given)
    if "," in config.options.get("hostaddr", config.host):  # libpq chooses one, as for psycopg
        config.options.setdefault("target_session_attrs", os.environ.get("PGTARGETSESSIONATTRS", "any"))
    return config


def manners_of(keywords: dict[str, Any]) -> tuple[Manners, dict[str, Any]]:
    """Takes what is psycopg's, and not libpq's, out of `keywords`. Returns it, and options of pycopg's pool.

    TypeError for what pycopg can't do.
    """
    for name, why in _REFUSED.items():
        if keywords.pop(name, None) is not None:
            raise TypeError(f"kwargs[{name!r}]: {why}")
    factory = keywords.pop("row_factory", None) or tuple
    row_kind(factory)
    manners = Manners(autocommit=bool(keywords.pop("autocommit", False)), row_factory=factory)
    prepare = "off" if keywords.pop("prepare_threshold", 0) is None else "auto"
    return manners, {"autocommit": manners.autocommit, "prepare": prepare}


def _system_user() -> str:
    import getpass

    return getpass.getuser()
