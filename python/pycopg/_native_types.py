"""Types that are defined in Python and that the native module takes or returns."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Optional, Union

Params = Union[Sequence[Any], Mapping[str, Any]]
Row = Any
"""A dict whose keys are the names of the columns, or what `row` or `row_factory` says."""

# What a context manager is told of the end of its block.
RaisedType = Optional[type[BaseException]]
Raised = Optional[BaseException]
Traceback = Optional[TracebackType]


class TypesUnknown(Exception):
    """Types have to be looked up before a call of asyncio can go on. It reaches no user."""

    def __init__(self, types: list[int], rows: Any, why: str) -> None:
        super().__init__(types)
        self.types = types
        self.rows = rows
        """Gives what the call gives, once the types are known; None: the statement did not run."""
        self.why = why
        """Why a parameter can't be sent, unless looking up helps."""


class TransactionStatus(enum.IntEnum):
    """The state of the connection's transaction, with libpq's numbers. The native module returns these members."""

    IDLE = 0
    ACTIVE = 1
    """A statement was abandoned before its end: the connection can only be given back."""
    INTRANS = 2
    INERROR = 3
    UNKNOWN = 4
    """A call has found that the connection is lost: it can only be given back."""
