"""What a leased connection says of itself, on both sides of `async`."""

from __future__ import annotations

import logging
from typing import Any

from . import _native
from ._copying import LEASE, uncopied
from ._native_types import TransactionStatus
from .errors import Error, ProgrammingError

logger = logging.getLogger("pycopg")


class ConnectionInfo:
    """What a leased connection knows without asking the server."""

    __reduce_ex__ = uncopied(LEASE)

    def __init__(self, native: _native.Connection | _native.LoopConnection) -> None:
        self._native = native

    @property
    def backend_pid(self) -> int:
        return self._native._backend_pid

    @property
    def server_version(self) -> int:
        """As 150004 for 15.4."""
        return self._native._server_version

    @property
    def transaction_status(self) -> TransactionStatus:
        return self._native._transaction_status

    def parameter_status(self, name: str) -> str | None:
        """What the server reported last, such as TimeZone; None for what it does not report."""
        return self._native._parameter_status(name) or None


def state_of(native: _native.Connection | _native.LoopConnection) -> str:
    """For `repr`, which must not raise: another task may be in a call on it, or the pool be closed."""
    try:
        return "closed" if native.closed else f"pid={native._backend_pid}"
    except Error:
        return "not to be asked now"


def tell_left_open(connection: object, left_open: tuple[str, bool]) -> None:
    """The block of a connection was left normally, one of its transaction() blocks never: nothing is committed.

    That is told once: by an exception where a transaction around the block goes with it. What was executed inside it by
    the code around it, while it was open, can't be told from its own statements, and is lost with a warning.
    """
    places, inside_another = left_open
    text = (
        f"a transaction() block of {connection!r} was never left, and is rolled back "
        f"with all that was executed since it was entered at {places}"
    )
    if inside_another:
        raise ProgrammingError(f"{text}; with it goes the transaction around it")
    logger.warning("%s", text)


def tell_rollback_failed(connection: Any, error: BaseException, failed: Exception) -> None:
    """The reason that a block was left is what its caller must see, so that the failure is only logged.

    What could not be rolled back is when the connection is given back.
    """
    logger.warning("%r: rolling back %r failed, after %r: %s", connection.pool, connection, error, failed)
