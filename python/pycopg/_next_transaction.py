"""Isolation, read only and deferrable of the next transactions of a connection that is kept for several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._native_types import TransactionStatus
from ._transaction_options import options_of
from .errors import ProgrammingError

if TYPE_CHECKING:
    from ._transaction_options import Isolation


class NextTransaction:
    """What the next transaction begins with. One with options is begun at once: BEGIN travels with its first statement.

    Each method is given the connection, which is not kept: it has `_begin_with(options)`, which returns a number, and
    `_end_number(number, commit)`.
    """

    def __init__(self) -> None:
        self.isolation: Isolation | None = None
        self.readonly = False
        self.deferrable = False
        self.number: int | None = None  # of the one that begins with the next statement, or has begun

    def change(self, connection: Any, **change: Any) -> None:
        """TypeError or ValueError for what is wrong, which changes nothing."""
        self.drop(connection)
        before = {name: getattr(self, name) for name in change}
        self.__dict__.update(change)
        try:
            self.begin(connection)
        except (TypeError, ValueError):
            self.__dict__.update(before)
            self.begin(connection)
            raise

    def drop(self, connection: Any) -> None:
        """Before a change. Sends nothing. ProgrammingError inside a transaction."""
        if connection.info.transaction_status is not TransactionStatus.IDLE:
            raise ProgrammingError("this can't be changed inside a transaction: commit or roll back first")
        if self.number is not None:
            self.end(connection, False)

    def begin(self, connection: Any) -> None:
        options = options_of(self.isolation, self.readonly, self.deferrable, None, None, None)
        if options is not None and not connection.autocommit:
            self.number = connection._begin_with(options)

    def end(self, connection: Any, commit: bool) -> None:
        number, self.number = self.number, None
        connection._end_number(number, commit)

    def end_and_begin(self, connection: Any, commit: bool) -> None:
        try:
            self.end(connection, commit)
        finally:
            if not connection.closed:
                self.begin(connection)
