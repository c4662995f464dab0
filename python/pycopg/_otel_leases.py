"""Leases of an instrumented pool, which tell of their wait: none where a connection is free at once."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from ._pool_base import PoolBase
from ._pool_leases import CheckedConnection
from .async_connection import AsyncConnection

Waiting = Callable[[], AbstractContextManager[None]]


def leases_told_to(db: PoolBase, waiting: Waiting) -> Callable[[], None]:
    """From now on each lease that has to wait does so inside `waiting()`. Returns what ends that."""
    pool: Any = db
    before = pool._kind
    told = _kind_of_asyncio(before, waiting) if issubclass(before, AsyncConnection) else _kind(before, waiting)
    told.__name__, told.__qualname__, told.__module__ = before.__name__, before.__qualname__, before.__module__
    pool._kind = told
    reference = weakref.ref(db)

    def undo() -> None:
        present: Any = reference()
        if present is not None and present._kind is told:
            present._kind = before

    return undo


def _kind(before: Any, waiting: Waiting) -> Any:
    class Leased(before):  # type: ignore[misc]
        def _lease(self) -> None:
            if not self._try_lease():
                with waiting():
                    super()._lease()

    def enter(self: Any) -> Any:
        self._lease()
        return self

    if not issubclass(before, CheckedConnection):  # which asks `_lease`; the others lease natively
        Leased.__enter__ = enter
    return Leased


def _kind_of_asyncio(before: Any, waiting: Waiting) -> Any:
    class Leased(before):  # type: ignore[misc]
        async def _lease(self) -> None:
            if not self._try_lease():
                with waiting():
                    await super()._lease()

    return Leased
