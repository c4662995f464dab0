"""What holds a connection has no copy: two objects would give back, or use, one lease."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


def uncopied(why: str) -> Callable[[Any, Any], NoReturn]:
    """A `__reduce_ex__`, which copy, deepcopy and pickle all come to, that raises TypeError."""

    def refuse(self: Any, protocol: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__}: {why}")

    return refuse


LEASE = "a lease can't be copied: take another connection from the pool"
POOL = "a pool can't be copied: make another from its configuration"
