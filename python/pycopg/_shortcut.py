"""Methods that are defined in Python and called natively: a call makes no Python frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import _native

if TYPE_CHECKING:
    Function = TypeVar("Function", bound=Callable[..., Any])


def shortcut(native: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorates a method that only passes all its arguments, in order, on to `native`."""

    def decorate(function: Function) -> Function:
        return cast("Function", _native.Shortcut(function, native))

    return decorate
