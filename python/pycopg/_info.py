"""What the connections of both pools report: about themselves, and about blocks that end badly."""

from __future__ import annotations

import logging
from typing import Any

from . import _native
from ._copying import LEASE, Refusal, uncopied
from ._native_types import TransactionStatus
from ._types import Types
from .errors import Error, ProgrammingError

logger = logging.getLogger("pycopg")


class ConnectionInfo:
    """What a leased connection knows without asking the server."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(self, native: _native.AnyConnection) -> None:
        self._native = native

    @property
    def backend_pid(self) -> int:
        """The process of the server that serves this connection, as in pg_stat_activity."""
        return self._native._backend_pid

    @property
    def server_version(self) -> int:
        """150004 for 15.4."""
        return self._native._server_version

    @property
    def transaction_status(self) -> TransactionStatus:
        """Whether a transaction is open, and whether it has failed; UNKNOWN once the connection is lost."""
        return self._native._transaction_status

    def parameter_status(self, name: str) -> str | None:
        """The value that the server reported last for a parameter such as TimeZone; None if it does not report it."""
        return self._native._parameter_status(name) or None


class Leased:
    """What the connections of both pools have in common in Python."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    @property
    def info(self: Any) -> ConnectionInfo:
        """What the connection knows of its session without asking the server."""
        return ConnectionInfo(self)

    @property
    def types(self: Any) -> Types:
        """The types of the program's own: those of the pool."""
        types: Types = self.pool._types
        return types

    def __repr__(self: Any) -> str:
        """Does not raise while another task is in a call on the connection, or when the pool is closed."""
        try:
            state = "closed" if self.closed else f"pid={self._backend_pid}"
        except Error:
            state = "not to be asked now"
        return f"<pycopg.{type(self).__name__} {state}>"


def tell_left_open(connection: object, left_open: tuple[str, bool]) -> None:
    """Reports that a connection's block was left normally while a transaction() block in it was still open.

    Everything executed since that block was entered is rolled back, also what the code around it executed. If the
    transaction around the block is lost as well, this raises ProgrammingError; otherwise it logs a warning.
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
    """Logs that a rollback failed. It does not raise, because the caller must see `error`, which ended its block.

    Giving the connection back rolls back what is left.
    """
    logger.warning("%r: rolling back %r failed, after %r: %s", connection.pool, connection, error, failed)
