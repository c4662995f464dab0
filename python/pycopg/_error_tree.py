"""The classes of pycopg.errors that are written by hand, and which of them C++ raises.

If psycopg_pool is installed, the pool's errors are also instances of its classes, so that
`except psycopg_pool.PoolTimeout` works. psycopg_pool is imported when the first of them is raised.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Any, cast

from ._predicates import Conditions


class Warning(Exception):  # noqa: A001  (PEP 249 wants the name)
    """PEP 249 requires it; pycopg never raises it."""


@dataclass(frozen=True)
class Diagnostic:
    """The fields of the server's error message. None: the server did not send the field."""

    severity: str | None = None
    sqlstate: str | None = None
    message_primary: str | None = None
    message_detail: str | None = None
    message_hint: str | None = None
    statement_position: int | None = None
    internal_query: str | None = None
    internal_position: int | None = None
    context: str | None = None
    schema_name: str | None = None
    table_name: str | None = None
    column_name: str | None = None
    datatype_name: str | None = None
    constraint_name: str | None = None


class Error(Exception):
    """The base of all errors of pycopg."""

    sqlstate: str | None = None
    """The five characters that name the condition; None if the error is not the server's."""
    query: str | None = None
    """The query that was running, as the caller gave it."""
    row_index: int | None = None
    """The index of the row that failed, in `execute_many`."""
    statement_index: int | None = None
    """The index of the statement that failed, in `execute_all`; None for its COMMIT."""
    attempts: list[str] | None = None
    """What each attempt of `run` has ended with, this last one included; None if there was only one."""
    executed: bool = False
    """True if the server has executed the statement all the same, and the error does not undo what it wrote: repeating
    the call would write twice. Always False for a statement that only reads."""
    committed: bool = False
    """True if executing the statement also committed it. If only `executed` is True, its transaction was still open at
    that time, and may have been committed since."""
    _fields: dict[str, Any] | None = None
    _turned_away: bool = False  # by the pool of one host of several: nothing was sent

    def __init_subclass__(cls, sqlstate: str | None = None, condition: str | None = None) -> None:
        """`sqlstate`: C++ raises this class for it. `condition`: its name in PL/pgSQL; None: as the class's."""
        super().__init_subclass__()
        if sqlstate is None:
            return
        condition = condition or re.sub("(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        cls.__doc__ = f"SQLSTATE {sqlstate}, {condition}."
        cls.sqlstate = sqlstate
        _classes[sqlstate] = cls
        _by_condition.setdefault(condition, cls)

    @property
    def diag(self) -> Diagnostic:
        """The fields of the server's error message."""
        return Diagnostic(**(self._fields or {}))

    def __reduce__(self) -> tuple[Any, ...]:
        # The class that was raised may be one of _with_psycopg_pool's; pickle needs one that can be imported.
        return _restore, (_public_class(type(self)), self.args, self.__dict__)


class InterfaceError(Error):
    """The call was wrong: the connection was given back, belongs to a parent process, ..."""


class DatabaseError(Error, Conditions):
    """An error of the server, or of the way to it. Predicates ask for its SQLSTATE: `is_unique_violation`, ..."""


class OperationalError(DatabaseError):
    """The server can't be reached, went away, or can't do it now."""


class ProgrammingError(DatabaseError):
    """The statement is wrong, or its parameters don't fit it."""


class IntegrityError(DatabaseError):
    """A constraint was violated."""


class DataError(DatabaseError):
    """A value can't be sent or received, or is out of range. When a value can't be received, the statement has been
    executed already: `executed` says whether it may have written."""


class InternalError(DatabaseError):
    pass


class NotSupportedError(DatabaseError):
    pass


class ConfigurationError(OperationalError):
    """The configuration can't work and must be corrected: a wrong password, no such database, an unknown option."""


class PoolTimeout(OperationalError):
    """No connection was free in time; nothing was sent. The message says who holds the connections."""


class PoolDeadlock(PoolTimeout):
    """Each connection was held by a thread or task that waited for another, this one among them; nothing was sent.

    Raised at once. The message says where each was taken. Trying again while holding a connection fails again.
    """


class QueryTimeout(OperationalError):
    """The answer was late: the statement is being cancelled, and may or may not have had an effect.

    The message says how long the call was in the queue, connecting, and waiting for the server.
    """


class PoolClosed(OperationalError):
    """The pool is closed, or not open yet."""


class TooManyRequests(OperationalError):
    """`max_waiting` requests are waiting already; nothing was sent."""


class CommitUnknown(OperationalError):
    """The answer to a COMMIT was lost: the transaction may or may not be committed. Look before you repeat it."""


# The classes that C++ raises: by the kind of the error, by its SQLSTATE, by the first two characters of that, or by the
# first.
_classes: dict[str, type[Error]] = {
    "configuration": ConfigurationError,
    "usage": InterfaceError,
    "statement": ProgrammingError,
    "data": DataError,
    "query_timeout": QueryTimeout,
    "connection_failed": OperationalError,
    "commit_unknown": CommitUnknown,
}
_BEGINNINGS: dict[type[Error], str] = {
    DataError: "22",
    IntegrityError: "23",
    InternalError: "24 25 2B 2D X",
    NotSupportedError: "0A",
    OperationalError: "08 27 28 2F 38 39 3B 40 53 54 55 57 58 F H",
    ProgrammingError: "10 20 21 26 34 3D 3F 42 44 P",
}
_classes.update({beginning: cls for cls, beginnings in _BEGINNINGS.items() for beginning in beginnings.split()})
_by_condition: dict[str, type[Error]] = {}
# Their raised classes derive from psycopg_pool's as well: each is made on first use, and then kept in `_classes`.
_of_pools: dict[str, type[Error]] = {
    "pool_timeout": PoolTimeout,
    "pool_deadlock": PoolDeadlock,
    "pool_closed": PoolClosed,
    "too_many_requests": TooManyRequests,
}


def lookup(sqlstate: str) -> type[DatabaseError]:
    """Returns the class for a SQLSTATE or a condition's name ("23505", "unique_violation"), or raises KeyError."""
    found = _classes.get(sqlstate.upper()) or _by_condition.get(sqlstate.lower())
    if found is None or found.sqlstate is None:
        raise KeyError(sqlstate)
    return cast("type[DatabaseError]", found)


def _class_for(kind: str) -> type[Error]:
    """Returns the class for a kind that is not in `_classes` yet."""
    if kind not in _of_pools:
        return DatabaseError
    return _classes.setdefault(kind, _with_psycopg_pool(_of_pools[kind]))


def pool_timeout(message: str) -> PoolTimeout:
    """Makes an error of the class that C++ raises."""
    error = _class_for("pool_timeout")(message)
    assert isinstance(error, PoolTimeout)
    return error


def _with_psycopg_pool(public: type[Error]) -> type[Error]:
    try:
        import psycopg_pool  # type: ignore[import-not-found,unused-ignore]
    except Exception:  # not installed, or not loadable (psycopg has no libpq): no code can be catching its errors
        return public
    theirs = next(getattr(psycopg_pool, cls.__name__) for cls in public.__mro__ if hasattr(psycopg_pool, cls.__name__))
    if issubclass(theirs, Error):  # pycopg.compat.psycopg_pool, put in its place
        return public
    members = {"__module__": public.__module__, "__qualname__": public.__qualname__, "__doc__": public.__doc__}
    return type(public.__name__, (public, theirs), members)


def _settle_classes() -> None:
    """Makes the pool's classes before the interpreter ends, without an import. Code that has not imported psycopg_pool
    can't be catching its errors."""
    for kind, public in _of_pools.items():
        _classes.setdefault(kind, _with_psycopg_pool(public) if "psycopg_pool" in sys.modules else public)


def _public_class(raised: type[Error]) -> type[Error]:
    return next((_of_pools[kind] for kind, cls in _classes.items() if cls is raised and kind in _of_pools), raised)


def _restore(public: type[Error], args: tuple[object, ...], state: dict[str, Any]) -> Error:
    kind = next((kind for kind, cls in _of_pools.items() if cls is public), None)
    raised = public if kind is None else _class_for(kind)
    error = raised.__new__(raised, *args)
    error.__dict__.update(state)
    return error
