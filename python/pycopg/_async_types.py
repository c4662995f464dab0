"""What a call of asyncio does that has met types that are not known, or are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._native_types import TypesUnknown
from ._types import MOST_ATTEMPTS, Types
from .deadline import Deadline
from .errors import DatabaseError, ProgrammingError


class AsyncTyped:
    """Of a pool and of a connection."""

    if TYPE_CHECKING:

        @property
        def types(self) -> Types: ...

        def _is_final(self, error: Exception) -> bool:
            """Whether it is not about types, or the call can't be repeated."""
            raise NotImplementedError

        async def _look_up_types(self, types: list[int], timeout: float | Deadline | None) -> bool:
            """False: nothing can be asked."""
            raise NotImplementedError

    async def _with_types(self, error: Exception, make_call: Any, *args: Any) -> Any:
        """Goes on with a call that has met types that are not known, or are gone."""
        for _ in range(MOST_ATTEMPTS):
            unknown = error if isinstance(error, TypesUnknown) else TypesUnknown([], None, str(error))
            del error  # its traceback knows this frame
            asked = await self._look_up_types(unknown.types, args[-1])
            if unknown.rows is not None:
                return unknown.rows._read()
            try:
                call = make_call(*args) if asked else self._make_unasked(make_call, args)
                return None if call is None else await call
            except (TypesUnknown, DatabaseError) as again:
                if self._is_final(again):
                    raise
                error = again
        try:
            raise ProgrammingError(error.why) if isinstance(error, TypesUnknown) else error
        finally:
            del error

    def _make_unasked(self, make_call: Any, args: Any) -> Any:
        """The server says itself why nothing can be asked."""
        self.types._stale = False
        try:
            return make_call(*args)
        finally:
            self.types._stale = True
