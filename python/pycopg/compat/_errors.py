"""Errors that are pycopg's and psycopg's: `except psycopg.errors.UniqueViolation` goes on working.

psycopg is not imported for it. A program that has not imported it can't be catching its errors.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from .._error_tree import _class_for, _public_class, _restore
from ..errors import Error

Class = TypeVar("Class", bound=type)

_joint: dict[type[Error], type[Error]] = {}


def speak(error: Error) -> None:
    """Makes the error one of psycopg's, too, if the program has imported psycopg."""
    theirs = sys.modules.get("psycopg.errors")
    if theirs is not None and not isinstance(error, theirs.Error):
        cls = type(error)
        if cls not in _joint:
            _joint[cls] = _with_psycopg(cls, theirs)
        error.__class__ = _joint[cls]


def _with_psycopg(ours: type[Error], theirs: Any) -> type[Error]:
    """The class that derives from both: of psycopg's, from the one with the name of `ours`, or of what is above it."""
    named = (getattr(theirs, base.__name__, None) for base in ours.__mro__)
    counterpart = next(it for it in named if isinstance(it, type) and issubclass(it, theirs.Error))
    public = _public_class(ours)

    def reduce(self: Error) -> tuple[Any, ...]:
        return _restore, (public, self.args, self.__dict__)

    members = {"__module__": ours.__module__, "__qualname__": ours.__qualname__, "__doc__": ours.__doc__}
    return type(ours.__name__, (ours, counterpart), {**members, "__reduce__": reduce})


def closed_error(message: str) -> Error:
    """A PoolClosed, as pycopg raises it."""
    error = _class_for("pool_closed")(message)
    speak(error)
    return error


@contextmanager
def speaking() -> Iterator[None]:
    """Errors of the block are also psycopg's."""
    try:
        yield
    except Error as error:
        speak(error)
        raise


def speaks_psycopg(*names: str) -> Callable[[Class], Class]:
    """Decorates a class: errors of its methods with these names, also of those it inherits, are also psycopg's."""

    def decorate(cls: Class) -> Class:
        for name in names:
            setattr(cls, name, _speaking(getattr(cls, name)))
        return cls

    return decorate


def _speaking(method: Any) -> Any:
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def call_async(*args: Any, **keywords: Any) -> Any:
            try:
                return await method(*args, **keywords)
            except Error as error:
                speak(error)
                raise

        return call_async

    def call(*args: Any, **keywords: Any) -> Any:
        try:
            return method(*args, **keywords)
        except Error as error:
            speak(error)
            raise

    return functools.update_wrapper(call, method)
