"""Methods whose definition is Python's, and whose calls are native: the definition's frame is never made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import _native

if TYPE_CHECKING:
    Function = TypeVar("Function", bound=Callable[..., Any])


def shortcut(native: Callable[..., Any]) -> Callable[[Function], Function]:
    """For a method that only passes its arguments on to `native`, all of them, in their order."""

    def decorate(function: Function) -> Function:
        return cast("Function", _native.Shortcut(function, native))

    return decorate
