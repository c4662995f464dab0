"""The exceptions: PEP 249's tree, chosen by SQLSTATE class, and what only a pool can raise.

Where psycopg_pool is installed, an error of the pool that is raised is also one of psycopg_pool's, so that
`except psycopg_pool.PoolTimeout` goes on working. It is imported no earlier than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Warning(Exception):  # noqa: A001  (PEP 249 wants the name)
    """PEP 249's; pycopg raises none."""


@dataclass(frozen=True)
class Diagnostic:
    """What the server said. None where it said nothing."""

    severity: str | None = None
    sqlstate: str | None = None
    message_primary: str | None = None
    message_detail: str | None = None
    message_hint: str | None = None
    statement_position: int | None = None
    context: str | None = None
    schema_name: str | None = None
    table_name: str | None = None
    column_name: str | None = None
    datatype_name: str | None = None
    constraint_name: str | None = None


class Error(Exception):
    """The base of all errors of pycopg."""

    sqlstate: str | None = None
    """The five characters that name the condition; None if the server did not speak."""
    diag: Diagnostic = Diagnostic()
    query: str | None = None
    """The SQL text that was running, with PostgreSQL's placeholders."""
    row_index: int | None = None
    """`execute_many`: the index of the failing row."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        # The class that is raised may have been made on the way; the one it was made from is importable.
        return _restore, (_public_class(type(self)), self.args, self.__dict__)


class InterfaceError(Error):
    """The call was wrong: a connection that was given back, that belongs to a parent process, ..."""


class DatabaseError(Error):
    pass


class OperationalError(DatabaseError):
    """The server can't be reached, went away, or can't do it now."""


class ProgrammingError(DatabaseError):
    """The statement is wrong, or its parameters don't fit it."""


class IntegrityError(DatabaseError):
    """A constraint refused."""


class DataError(DatabaseError):
    """A value can't be sent or received, or is out of range."""


class InternalError(DatabaseError):
    pass


class NotSupportedError(DatabaseError):
    pass


class ConfigurationError(OperationalError):
    """The configuration can't work: mend it. Wrong password, no such database, an option nobody knows."""


class PoolTimeout(OperationalError):
    """No connection, or no answer, in time. The message says who holds the connections."""


class PoolClosed(OperationalError):
    """The pool is closed, or not open yet."""


class TooManyRequests(OperationalError):
    """`max_waiting` requests wait already."""


class CommitUnknown(OperationalError):
    """The answer to a COMMIT was lost: it may or may not have happened. Look before you repeat."""


# By the first two characters, or by the first; everything else is a DatabaseError.
_BY_SQLSTATE: dict[str, type[DatabaseError]] = {
    "08": OperationalError,
    "0A": NotSupportedError,
    "10": ProgrammingError,
    "20": ProgrammingError,
    "21": ProgrammingError,
    "22": DataError,
    "23": IntegrityError,
    "24": InternalError,
    "25": InternalError,
    "26": ProgrammingError,
    "27": OperationalError,
    "28": OperationalError,
    "2B": InternalError,
    "2D": InternalError,
    "2F": OperationalError,
    "34": ProgrammingError,
    "38": OperationalError,
    "39": OperationalError,
    "3B": OperationalError,
    "3D": ProgrammingError,
    "3F": ProgrammingError,
    "40": OperationalError,
    "42": ProgrammingError,
    "44": ProgrammingError,
    "53": OperationalError,
    "54": OperationalError,
    "55": OperationalError,
    "57": OperationalError,
    "58": OperationalError,
    "F": OperationalError,
    "H": OperationalError,
    "P": ProgrammingError,
    "X": InternalError,
}

_BY_KIND: dict[str, type[Error]] = {
    "configuration": ConfigurationError,
    "data": DataError,
    "pool_timeout": PoolTimeout,
    "pool_closed": PoolClosed,
    "too_many_requests": TooManyRequests,
    "connection_failed": OperationalError,
    "commit_unknown": CommitUnknown,
}

_ALSO_OF_PSYCOPG_POOL: tuple[type[Error], ...] = (PoolTimeout, PoolClosed, TooManyRequests)
_raised_classes: dict[type[Error], type[Error]] = {}


def _class_for(kind: str, sqlstate: str | None, query: str | None) -> type[Error]:
    if kind == "query_failed":
        state = sqlstate or ""
        return _BY_SQLSTATE.get(state[:2]) or _BY_SQLSTATE.get(state[:1]) or DatabaseError
    if kind == "usage":
        # With a text it is the statement that is wrong, without one the use of an object.
        return ProgrammingError if query is not None else InterfaceError
    return _BY_KIND.get(kind, InternalError)


def _from_native(parts: dict[str, Any]) -> Error:
    """Makes the exception for an error of the C++ side."""
    kind, sqlstate, query = parts.pop("kind"), parts["sqlstate"], parts.pop("query")
    row_index, cause = parts.pop("row_index"), parts.pop("cause")
    diag = Diagnostic(**parts)
    text = diag.message_primary or "unknown error"
    if row_index is not None:
        text = f"row {row_index}: {text}"
    if diag.message_detail:
        text += f"\nDETAIL:  {diag.message_detail}"
    if diag.message_hint:
        text += f"\nHINT:  {diag.message_hint}"
    error = _raised_class(_class_for(kind, sqlstate, query))(text)
    error.sqlstate, error.diag, error.query, error.row_index = sqlstate, diag, query, row_index
    if cause is not None:
        error.__cause__ = OperationalError(cause)
    return error


def _raised_class(public: type[Error]) -> type[Error]:
    """`public`, or a class that is one of psycopg_pool's as well."""
    if public not in _ALSO_OF_PSYCOPG_POOL:
        return public
    if public not in _raised_classes:
        _raised_classes[public] = _with_psycopg_pool(public)
    return _raised_classes[public]


def _with_psycopg_pool(public: type[Error]) -> type[Error]:
    try:
        import psycopg_pool  # type: ignore[import-not-found,unused-ignore]
    except Exception:  # not installed, or it can't be loaded (no libpq for psycopg): then nobody catches its errors
        return public
    members = {"__module__": public.__module__, "__qualname__": public.__qualname__, "__doc__": public.__doc__}
    return type(public.__name__, (public, getattr(psycopg_pool, public.__name__)), members)


def _public_class(raised: type[Error]) -> type[Error]:
    for public, also in _raised_classes.items():
        if raised is also:
            return public
    return raised


def _restore(public: type[Error], args: tuple[object, ...], state: dict[str, Any]) -> Error:
    error = _raised_class(public)(*args)
    error.__dict__.update(state)
    return error
