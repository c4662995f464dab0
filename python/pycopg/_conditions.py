"""A class of errors for each SQLSTATE, under psycopg's name. _conditions.pyi declares them for type checkers."""

from __future__ import annotations

from . import errors
from ._sqlstates import CONDITIONS
from .errors import DatabaseError

BY_SQLSTATE: dict[str, type[DatabaseError]] = {}

for _sqlstate, (_condition, _name) in CONDITIONS.items():
    _base = errors._classes.get(_sqlstate[:2]) or errors._classes.get(_sqlstate[:1]) or DatabaseError
    _members = {
        "__module__": errors.__name__,  # where users, and pickle, look for it
        "__doc__": f"SQLSTATE {_sqlstate}, {_condition}.",
        "sqlstate": _sqlstate,
    }
    globals()[_name] = BY_SQLSTATE[_sqlstate] = type(_name, (_base,), _members)

__all__ = [cls.__name__ for cls in BY_SQLSTATE.values()]
