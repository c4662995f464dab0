"""What a row becomes: `row=` of the fetch verbs, and `row_factory=` of pools, connections and cursors.

dict      a dictionary, from the names of the columns to their values. The default.
tuple     a tuple.
scalar    the first column alone.
namedtuple  a tuple whose elements have the names of the columns.
a class   an object of it: each column is given under its name. Dataclasses and named tuples without code of their own
          are made natively, at about the cost of a dictionary; the constructor of any other class is called.
args(f)   what `f` returns for the columns, which are given in their order.
a function  what it returns for the columns, which are given under their names.
"""

from __future__ import annotations

import builtins
import collections
import dataclasses
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any, TypeVar

from . import _native

T = TypeVar("T")

__all__ = ["args", "namedtuple", "scalar"]


def scalar(*columns: Any) -> Any:
    """The first column of each row. ProgrammingError for rows without columns."""
    return columns[0]


def namedtuple(**columns: Any) -> Any:
    """A tuple whose elements have the names of the columns; one that is no name in Python is _ and its number."""
    return _named(tuple(columns))(*columns.values())


def args(function: Callable[..., T]) -> Callable[..., T]:
    """For a class or a function that takes the columns in their order: `row=args(Point)`."""
    return _InOrder(function)


class _InOrder(functools.partial):  # type: ignore[type-arg]
    """A mark; it is called as fast as what is in it."""


# For the native module: how rows become objects (python/native/row_kind.hpp has the same numbers), and what becomes of
# a field that no column has.
_DICT, _FIELDS, _NAMED, _KEYWORDS, _IN_ORDER, _REFUSED = range(6)
_REQUIRED, _DEFAULT, _FACTORY = range(3)
_Field = tuple[str, int, Any]


def _described(target: Any) -> tuple[int, bool, list[_Field]]:
    """How `target` takes a row: how it is made, whether it judges itself what it is given, and its fields."""
    if isinstance(target, _InOrder):
        return _IN_ORDER, True, []
    if not isinstance(target, type):
        return _called(target, own=target)
    if getattr(builtins, target.__name__, None) is target:  # list, say, which takes no columns by name
        return _REFUSED, True, []
    if type(target).__name__ == "_TypedDictMeta":  # which typing_extensions has, too
        return _DICT, True, []
    if _is_plain_named_tuple(target):
        return _NAMED, False, _fields_of_named_tuple(target)
    if _is_plain_dataclass(target):
        return _FIELDS, False, [_field(it) for it in dataclasses.fields(target)]
    # A constructor that is written in Python says what it takes. Any other one judges what it is given.
    init: Any = getattr(target, "__init__", None)
    own = isinstance(init, types.FunctionType) and _has_plain_new(target) and _is_plainly_called(target)
    return _called(init, own=own, skip=1)


def _called(function: Any, own: object, skip: int = 0) -> tuple[int, bool, list[_Field]]:
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:] if own else None
    except (TypeError, ValueError):
        parameters = None
    if parameters is None:
        return _KEYWORDS, True, []
    takes_any = any(it.kind is inspect.Parameter.VAR_KEYWORD for it in parameters)
    named = [it for it in parameters if it.kind in (it.POSITIONAL_OR_KEYWORD, it.KEYWORD_ONLY)]
    fields = [(it.name, _REQUIRED if it.default is it.empty else _DEFAULT, None) for it in named]
    return _KEYWORDS, takes_any, fields


def _is_plainly_called(cls: Any) -> bool:
    return type(cls).__call__ is type.__call__


def _has_plain_new(cls: Any) -> bool:
    return cls.__new__ is object.__new__


def _is_plain_named_tuple(cls: Any) -> bool:
    """It is made as namedtuple has written it."""
    made = getattr(getattr(cls, "__new__", None), "__globals__", {}).get("__name__", "")
    return (
        issubclass(cls, tuple)
        and hasattr(cls, "_fields")
        and made.startswith("namedtuple_")
        and cls.__init__ is object.__init__
        and _is_plainly_called(cls)
    )


def _is_plain_dataclass(cls: Any) -> bool:
    """Its constructor does nothing but set the fields, so that it makes no difference who sets them."""
    if "__dataclass_fields__" not in vars(cls) or "__init__" not in vars(cls) or hasattr(cls, "__post_init__"):
        return False
    fields = dataclasses.fields(cls)
    names = [it.name for it in fields]
    code = getattr(cls.__init__, "__code__", None)
    if code is None or not all(it.init for it in fields):
        return False
    # As dataclasses writes it: compiled from a string, with the fields for parameters (an InitVar is one more).
    taken = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    written = code.co_filename == "<string>" and sorted(taken) == sorted(names)
    written = written and getattr(code, "co_qualname", "__create_fn__").startswith("__create_fn__")
    frozen = cls.__dataclass_params__.frozen
    return bool(
        written
        and _has_plain_new(cls)
        and _is_plainly_called(cls)
        and not getattr(cls, "__abstractmethods__", None)
        and (frozen or cls.__setattr__ is object.__setattr__)
    )


def _fields_of_named_tuple(cls: Any) -> list[_Field]:
    defaults = cls._field_defaults
    return [(it, _DEFAULT if it in defaults else _REQUIRED, defaults.get(it)) for it in cls._fields]


def _field(field: dataclasses.Field[Any]) -> _Field:
    if field.default is not dataclasses.MISSING:
        return field.name, _DEFAULT, field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.name, _FACTORY, field.default_factory
    return field.name, _REQUIRED, None


@functools.lru_cache(512)
def _named(names: tuple[str, ...]) -> type[tuple[Any, ...]]:
    return collections.namedtuple("Row", names, rename=True)


_native.set_row_kinds(scalar, namedtuple, _described, _named)
