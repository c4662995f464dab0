"""Objects that hold a lease refuse to be copied: two objects would use, and give back, one lease."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

Refusal = Callable[..., NoReturn]


def uncopied(why: str) -> Refusal:
    """Returns a `__reduce_ex__` that raises TypeError; copy, deepcopy and pickle all call it."""

    def refuse(self: Any, protocol: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__}: {why}")

    return refuse


LEASE = "a lease can't be copied: take another connection from the pool"
POOL = "a pool can't be copied: make another from its configuration"
