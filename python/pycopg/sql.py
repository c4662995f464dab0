"""SQL put together of parts: texts of the program, and names and values from outside, each quoted as it must be.

The classes are psycopg's. Every verb that takes SQL takes them, and template strings (Python 3.14) as well. Values are
better given as parameters, beside the text: `Literal` is for statements that take none, such as CREATE.
"""

from __future__ import annotations

import string
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Union, overload

from . import _native
from .errors import DataError, ProgrammingError

if sys.version_info >= (3, 14):
    from string.templatelib import Template
else:

    class Template:
        """What a template string is in Python 3.14. There is none in this version."""


if TYPE_CHECKING:
    from typing_extensions import LiteralString

__all__ = [
    "DEFAULT",
    "NULL",
    "SQL",
    "Composable",
    "Composed",
    "Identifier",
    "Literal",
    "Placeholder",
    "Query",
    "as_string",
]

# What a template string may say of a value after the colon.
_PARAMETER = ("", "s", "t", "b")
_IDENTIFIER = "i"
_LITERAL = "l"
_SQL = "q"


class Composable:
    """A part of an SQL text. Parts are put together with `+`, repeated with `*`, compared with `==`."""

    def __init__(self, obj: Any) -> None:
        self._obj = obj

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._obj!r})"

    def as_string(self, context: object = None) -> str:
        """Returns the text. `context` is psycopg's, and not needed: how a text is quoted depends on no connection."""
        return self._text(False)

    def _text(self, beside_parameters: bool) -> str:
        """`beside_parameters`: %s and %(name)s of the program are placeholders, so that any other % is doubled."""
        raise NotImplementedError

    def __add__(self, other: object) -> Composed:
        if not isinstance(other, Composable):
            return NotImplemented
        return Composed([*_parts(self), *_parts(other)])

    def __mul__(self, times: int) -> Composed:
        return Composed([self] * times)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Composable) and type(self) is type(other) and bool(self._obj == other._obj)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]


class Composed(Composable):
    """Several parts in a row. Those that are no Composable become a Literal."""

    _obj: list[Composable]

    def __init__(self, seq: Iterable[Any]) -> None:
        super().__init__([part if isinstance(part, Composable) else Literal(part) for part in seq])

    def __iter__(self) -> Iterator[Composable]:
        return iter(self._obj)

    def join(self, joiner: SQL | LiteralString) -> Composed:
        """Returns the parts with `joiner` between them."""
        return (joiner if isinstance(joiner, SQL) else SQL(joiner)).join(self._obj)

    def _text(self, beside_parameters: bool) -> str:
        return "".join(part._text(beside_parameters) for part in self._obj)


class SQL(Composable):
    """Text of the program itself, which is taken as it is: never text from outside."""

    _obj: str

    def __init__(self, obj: LiteralString) -> None:
        if not isinstance(obj, str):
            raise TypeError(f"SQL takes a str, not {type(obj).__name__}")
        super().__init__(obj)

    def format(self, *args: Any, **kwargs: Any) -> Composed:
        """Returns the text with `args` in the place of {} or {0}, and `kwargs` in that of {name}.

        What is no Composable becomes a Literal. Format specs and conversions ({:>5}, {!r}) are a ValueError, and so is
        a mixture of {} and {0}. IndexError or KeyError for what is not given.
        """
        parts: list[Any] = []
        numbered: bool | None = None  # by us, in the place of the program
        count = 0
        for text, name, spec, conversion in string.Formatter().parse(self._obj):
            if text:
                own: Any = text  # a part of the program's own text
                parts.append(SQL(own))
            if name is None:
                continue
            if spec or conversion:
                raise ValueError(f"{{{name}}} in SQL takes neither a format spec nor a conversion")
            if name and not name.isdigit():
                parts.append(kwargs[name])
                continue
            if numbered is (name != ""):
                raise ValueError("{} and {0} can't be mixed in SQL")
            numbered = name == ""
            parts.append(args[int(name or count)])
            count += 1
        return Composed(parts)

    @overload
    def join(self, seq: Iterable[Template]) -> Template: ...  # pyright: ignore[reportOverlappingOverload]
    @overload
    def join(self, seq: Iterable[Any]) -> Composed: ...
    def join(self, seq: Iterable[Any]) -> Composed | Template:
        """Returns the parts with this text between them; of template strings a template string.

        What is neither that nor a Composable becomes a Literal. TypeError if some are template strings and some not.
        """
        given = list(seq)
        templates = [part for part in given if isinstance(part, Template)]
        if templates and len(templates) < len(given):
            raise TypeError("template strings can be joined with each other only")
        parts: list[Any] = []
        for part in given:
            if parts:
                parts.append(self._obj if templates else self)
            parts.extend(part if templates else [part])
        return type(templates[0])(*parts) if templates else Composed(parts)

    def _text(self, beside_parameters: bool) -> str:
        return self._obj


class Identifier(Composable):
    """A name of the database, quoted: Identifier("jobs"). Several are a qualified one: Identifier("schema", "table").

    Quoted names keep their case: Identifier("Jobs") is not the table jobs. DataError for an empty name and for one
    with a NUL character, which PostgreSQL does not have. It cuts names after 63 bytes.
    """

    _obj: tuple[str, ...]

    def __init__(self, *strings: str) -> None:
        if not strings:
            raise TypeError("Identifier takes at least one str")
        for name in strings:
            if not isinstance(name, str):
                raise TypeError(f"Identifier takes str, not {type(name).__name__}")
            if not name or "\0" in name:
                raise DataError(f"{name!r} can't be an identifier: it {'has a NUL character' if name else 'is empty'}")
        super().__init__(strings)

    def __repr__(self) -> str:
        return f"Identifier({', '.join(map(repr, self._obj))})"

    def _text(self, beside_parameters: bool) -> str:
        return _doubled(".".join('"' + it.replace('"', '""') + '"' for it in self._obj), beside_parameters)


class Literal(Composable):
    """A value, quoted, with its type: of the types that parameters may have.

    DataError or ProgrammingError, when the text is made, for a value that can't be sent as a parameter either.
    """

    def _text(self, beside_parameters: bool) -> str:
        return _doubled(_native.literal(self._obj), beside_parameters)


class Placeholder(Composable):
    """%s, or %(name)s: the value is given beside the text. `format` is psycopg's; copg chooses the format itself."""

    _obj: str

    def __init__(self, name: str = "", format: str = "s") -> None:  # noqa: A002  (psycopg has the name)
        if not isinstance(name, str):
            raise TypeError(f"Placeholder takes a str, not {type(name).__name__}")
        if ")" in name:
            raise ValueError(f"{name!r} can't be the name of a placeholder")
        if format not in _PARAMETER[1:]:
            raise ValueError(f"format = {format!r}: it must be 's', 't' or 'b'")
        super().__init__(name)

    def __repr__(self) -> str:
        return f"Placeholder({self._obj!r})" if self._obj else "Placeholder()"

    def _text(self, beside_parameters: bool) -> str:
        return f"%({self._obj})s" if self._obj else "%s"


Query = Union[str, Composable, Template]
"""What every verb takes as SQL."""

NULL = SQL("NULL")
DEFAULT = SQL("DEFAULT")


def as_string(obj: Any, context: object = None) -> str:
    """Returns the text of a Composable, of a template string (each value as a Literal), or of a value as a Literal."""
    if isinstance(obj, Template):
        return _Filled(obj, literals=True).text(beside_parameters=False)
    return (obj if isinstance(obj, Composable) else Literal(obj)).as_string(context)


def _parts(composable: Composable) -> Iterable[Composable]:
    return composable if isinstance(composable, Composed) else (composable,)


def _doubled(text: str, beside_parameters: bool) -> str:
    return text.replace("%", "%%") if beside_parameters else text


class _Filled:
    """A template string as the pieces of its text, some of which stand for a parameter."""

    def __init__(self, template: Template, literals: bool = False) -> None:
        self._literals = literals
        self._pieces: list[str | None] = []  # None: a parameter
        self.parameters: list[Any] = []
        self._add(template)

    def text(self, beside_parameters: bool) -> str:
        return "".join("%s" if it is None else _doubled(it, beside_parameters) for it in self._pieces)

    def _add(self, template: Any) -> None:
        for item in template:
            if isinstance(item, str):
                self._pieces.append(item)
            else:
                self._add_value(item)

    def _add_value(self, item: Any) -> None:
        """`item` is a string.templatelib.Interpolation."""
        value, spec = item.value, item.format_spec
        shown = f"{{{item.expression}{':' if spec else ''}{spec}}}"
        if item.conversion:
            raise ProgrammingError(f"{shown} has a conversion (!{item.conversion}), which SQL does not take")
        needed = _spec_needed_by(value)
        if needed is not None and spec != needed:
            raise ProgrammingError(f"{shown} is a {type(value).__name__}: write {{{item.expression}:{needed}}}")
        if isinstance(value, Template):
            self._add(value)
        elif isinstance(value, Composable):
            self._pieces.append(value.as_string())
        elif spec == _IDENTIFIER:
            if not isinstance(value, str):
                raise ProgrammingError(f"{shown} is to be a name: it must be a str, not {type(value).__name__}")
            self._pieces.append(Identifier(value).as_string())
        elif spec == _LITERAL or (self._literals and spec in _PARAMETER):
            self._pieces.append(Literal(value).as_string())
        elif spec in _PARAMETER:
            self._pieces.append(None)
            self.parameters.append(value)
        elif spec == _SQL:
            raise ProgrammingError(f"{shown} is to be SQL: it must be SQL, Composed or a template string")
        else:
            raise ProgrammingError(f"{shown}: what follows the colon must be i, l, q, s, t or b")


def _spec_needed_by(value: object) -> str | None:
    """Parts of SQL say what they are, so that nobody pastes one where a value was meant."""
    if isinstance(value, Identifier):
        return _IDENTIFIER
    if isinstance(value, Literal):
        return _LITERAL
    if isinstance(value, Placeholder):
        raise ProgrammingError("a Placeholder has no place in a template string: write the value itself")
    return _SQL if isinstance(value, (Composable, Template)) else None


def _composed(query: object, params: Any) -> tuple[str, Any]:
    """For the native module: the text of what a verb was given in place of a str, and its parameters."""
    if isinstance(query, Composable):
        return query._text(params is not None), params
    if not isinstance(query, Template):
        raise TypeError(f"the query must be a str, not {type(query).__name__}")
    if params is not None:
        raise TypeError("a template string has its parameters in it: no others can be given beside it")
    filled = _Filled(query)
    parameters = filled.parameters or None  # without any, several statements are allowed
    return filled.text(parameters is not None), parameters


_native.set_composer(_composed)
