"""What the native module takes and gives that is defined in Python."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, Union

Params = Union[Sequence[Any], Mapping[str, Any]]
Row = Any
"""A dict by the names of the columns, or a tuple: what `row_factory` says."""


class TransactionStatus(enum.IntEnum):
    """What the server says of the session; the numbers are libpq's. The native module gives these members."""

    IDLE = 0
    ACTIVE = 1
    """A statement was given up half-way: the connection can only be given back."""
    INTRANS = 2
    INERROR = 3
    UNKNOWN = 4
    """The connection was lost, as a call has found out: it can only be given back."""
