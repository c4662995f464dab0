"""What a connection does as psycopg's does, for threads and asyncio alike."""

from __future__ import annotations

import datetime
import sys
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from .._info import ConnectionInfo
from .._native_types import TransactionStatus
from ._values import row_kind

if TYPE_CHECKING:
    from .._transaction_options import Isolation

_LEVELS: dict[int, Isolation] = {1: "read uncommitted", 2: "read committed", 3: "repeatable read", 4: "serializable"}
_INSTEAD = {
    "adapters": "db.types.register of a pool of pycopg",
    "add_notice_handler": "cursor.notices, or an observer of a pool of pycopg",
    "add_notify_handler": "db.listen() of a pool of pycopg",
    "cancel": "the argument timeout of a pool of pycopg",
    "cancel_safe": "the argument timeout of a pool of pycopg",
    "notifies": "db.listen() of a pool of pycopg",
    "pipeline": "execute_all",
    "tpc_begin": "PREPARE TRANSACTION",
    "pgconn": "no access to libpq",
    "fileno": "no access to libpq",
    "wait": "no access to libpq",
    "xid": "PREPARE TRANSACTION",
}


@dataclass
class Manners:
    """How a pool's connections begin: as `kwargs` has it, and as `configure` leaves them."""

    autocommit: bool = False
    row_factory: Any = tuple
    isolation_level: Any = None
    read_only: bool | None = None
    deferrable: bool | None = None

    def begin_otherwise(self) -> bool:
        """Whether its transactions begin with options."""
        return self.isolation_level is not None or bool(self.read_only) or bool(self.deferrable)


def isolation_of(level: Any) -> Isolation | None:
    """pycopg's word for one of psycopg's levels (IsolationLevel, or its number)."""
    if level is None:
        return None
    try:
        return _LEVELS[int(level)]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"isolation_level = {level!r}: it must be a psycopg.IsolationLevel") from None


class Info(ConnectionInfo):
    """What psycopg's `conn.info` tells, as far as pycopg knows it."""

    vendor = "PostgreSQL"

    @property
    def dbname(self) -> str:
        return str(self._native.pool.config.database)

    @property
    def user(self) -> str:
        return str(self._native.pool.config.user)

    @property
    def host(self) -> str:
        return str(self._native.pool.config.host)

    @property
    def port(self) -> int:
        return int(self._native.pool.config.port)

    @property
    def encoding(self) -> str:
        """Python's name for the client's encoding, which is always UTF-8."""
        return "utf-8"

    @property
    def timezone(self) -> datetime.tzinfo:
        """UTC if Python does not know the session's time zone."""
        try:
            return ZoneInfo(self.parameter_status("TimeZone") or "UTC")
        except (KeyError, OSError, ValueError):
            return datetime.timezone.utc


class Mannered:
    """The members of Connection and AsyncConnection that wait for nothing."""

    if TYPE_CHECKING:
        _given: Manners
        _pool: Any
        info: Any

    @classmethod
    def __class_getitem__(cls, row: Any) -> types.GenericAlias:
        """`Connection[DictRow]` is written in annotations; it is the class."""
        return types.GenericAlias(cls, row)

    @property
    def row_factory(self) -> Any:
        """As in psycopg: a function of a cursor that makes a function of a row's values."""
        return self._given.row_factory

    @row_factory.setter
    def row_factory(self, factory: Any) -> None:
        row_kind(factory)
        self._given.row_factory = factory

    @property
    def isolation_level(self) -> Any:
        return self._given.isolation_level

    @property
    def read_only(self) -> bool | None:
        return self._given.read_only

    @property
    def deferrable(self) -> bool | None:
        return self._given.deferrable

    @property
    def broken(self) -> bool:
        """Whether a call has found the connection lost."""
        return bool(self.info.transaction_status is TransactionStatus.UNKNOWN)

    def __getattr__(self, name: str) -> Any:
        kind = type(self).__name__
        if name in _INSTEAD:
            raise AttributeError(f"{kind}.{name} of psycopg is not here; instead: {_INSTEAD[name]}")
        raise AttributeError(f"{kind!r} object has no attribute {name!r}")


def is_rollback(error: BaseException | None, transaction: Any) -> bool:
    """Whether a `transaction()` block was left by psycopg's `raise Rollback`, which ends there."""
    rollback = getattr(sys.modules.get("psycopg"), "Rollback", None)
    if rollback is None or not isinstance(error, rollback):
        return False
    return getattr(error, "transaction", None) in (None, transaction)
