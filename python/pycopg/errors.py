"""The exceptions: PEP 249's tree, a class for each SQLSTATE below it, and what only a pool can raise.

Where psycopg_pool is installed, an error of the pool that is raised is also one of psycopg_pool's, so that
`except psycopg_pool.PoolTimeout` goes on working. It is imported no earlier than that.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from ._predicates import Conditions


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
    """The five characters that name the condition; None if the server did not speak."""
    query: str | None = None
    """The query that was running, as it was given."""
    row_index: int | None = None
    """`execute_many`: the index of the failing row."""
    executed: bool = False
    """The server has executed the statement all the same, and what it wrote is not undone by the error: the same
    call again writes twice. Never for a statement that only reads."""
    committed: bool = False
    """`executed`, and committed by that. False with `executed`: its transaction was open when it was executed; what has
    become of that since is not known here."""
    _fields: dict[str, Any] | None = None

    @property
    def diag(self) -> Diagnostic:
        """What the server said, in parts."""
        return Diagnostic(**(self._fields or {}))

    def __reduce__(self) -> tuple[Any, ...]:
        # The class that is raised may have been made on the way; the one it was made from is importable.
        return _restore, (_public_class(type(self)), self.args, self.__dict__)


class InterfaceError(Error):
    """The call was wrong: a connection that was given back, that belongs to a parent process, ..."""


class DatabaseError(Error, Conditions):
    """The server, or the way to it. What its SQLSTATE says can be asked: `is_unique_violation`, `is_retryable`, ..."""


class OperationalError(DatabaseError):
    """The server can't be reached, went away, or can't do it now."""


class ProgrammingError(DatabaseError):
    """The statement is wrong, or its parameters don't fit it."""


class IntegrityError(DatabaseError):
    """A constraint refused."""


class DataError(DatabaseError):
    """A value can't be sent or received, or is out of range. A value that can't be received is found after the
    statement was executed: `executed` says whether it may have written."""


class InternalError(DatabaseError):
    pass


class NotSupportedError(DatabaseError):
    pass


class ConfigurationError(OperationalError):
    """The configuration can't work: mend it. Wrong password, no such database, an option nobody knows."""


class PoolTimeout(OperationalError):
    """No connection in time; nothing was sent. The message says who holds the connections."""


class QueryTimeout(OperationalError):
    """The answer was late: the statement is being cancelled, and may or may not have had an effect.

    The message says how long the call was in the queue, connecting, and waiting for the server.
    """


class PoolClosed(OperationalError):
    """The pool is closed, or not open yet."""


class TooManyRequests(OperationalError):
    """`max_waiting` requests wait already."""


class CommitUnknown(OperationalError):
    """The answer to a COMMIT was lost: it may or may not have happened. Look before you repeat."""


# What the C++ side raises: by kind, and by the first two characters of the SQLSTATE, or the first.
_classes: dict[str, type[Error]] = {
    "configuration": ConfigurationError,
    "usage": InterfaceError,
    "statement": ProgrammingError,
    "data": DataError,
    "query_timeout": QueryTimeout,
    "connection_failed": OperationalError,
    "commit_unknown": CommitUnknown,
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
# These are psycopg_pool's too, which is looked for when the first one is raised.
_of_pools: dict[str, type[Error]] = {
    "pool_timeout": PoolTimeout,
    "pool_closed": PoolClosed,
    "too_many_requests": TooManyRequests,
}


def lookup(sqlstate: str) -> type[DatabaseError]:
    """The class for a SQLSTATE, or for a condition by its name ("23505", "unique_violation"). KeyError for another."""
    found = BY_SQLSTATE.get(sqlstate.upper()) or _by_condition.get(sqlstate.lower())
    if found is None:
        raise KeyError(sqlstate)
    return found


def _class_for(kind: str) -> type[Error]:
    """The class for a kind that is not in `_classes` yet."""
    if kind not in _of_pools:
        return DatabaseError
    return _classes.setdefault(kind, _with_psycopg_pool(_of_pools[kind]))


def pool_timeout(message: str) -> PoolTimeout:
    """One as the C++ side raises it."""
    error = _class_for("pool_timeout")(message)
    assert isinstance(error, PoolTimeout)
    return error


def _with_psycopg_pool(public: type[Error]) -> type[Error]:
    try:
        import psycopg_pool  # type: ignore[import-not-found,unused-ignore]
    except Exception:  # not installed, or it can't be loaded (no libpq for psycopg): then no code catches its errors
        return public
    members = {"__module__": public.__module__, "__qualname__": public.__qualname__, "__doc__": public.__doc__}
    return type(public.__name__, (public, getattr(psycopg_pool, public.__name__)), members)


def _settle_classes() -> None:
    """The interpreter ends: nothing is imported any more. Code that has not imported psycopg_pool catches none of
    its errors."""
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


# The classes above must be there first: these derive from them.
from ._conditions import *  # noqa: E402, F403
from ._conditions import BY_SQLSTATE  # noqa: E402
from ._sqlstates import CONDITIONS  # noqa: E402

_classes.update(BY_SQLSTATE)
_by_condition = {condition: BY_SQLSTATE[sqlstate] for sqlstate, (condition, _) in reversed(CONDITIONS.items())}
