"""The block of a transaction, or of a savepoint, on a connection of threads."""

from __future__ import annotations

from typing import Any

from . import _native
from ._copying import LEASE, Refusal, uncopied
from ._info import tell_rollback_failed
from ._native_types import Raised, RaisedType, Traceback
from .deadline import Deadline


class Transaction:
    """Commits when left normally, rolls back when left with an exception."""

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(
        self,
        connection: Any,  # a Connection
        options: _native.TransactionOptions | None = None,
        timeout: float | Deadline | None = None,
    ) -> None:
        self.connection = connection
        self._options = options
        self._timeout = timeout
        self._number = 0

    def __enter__(self) -> Transaction:
        self._number = self.connection._begin(self._options, self._timeout)
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        if error is None:
            self.connection._end(self._number, True)
            return
        if self.connection._given_back:  # which rolls back
            return
        try:
            self.connection._end(self._number, False)
        except Exception as failed:
            tell_rollback_failed(self.connection, error, failed)
