"""Values of psycopg's, for programs that give them to pycopg. psycopg itself is not imported here."""

from __future__ import annotations

from typing import Any

from .types import Json, Jsonb


def json_of(theirs: Any, value: Any) -> Any:
    """What pycopg has for psycopg's Json or Jsonb; any other value as it is. `theirs`: psycopg.types.json."""
    if isinstance(value, theirs.Jsonb):
        return Jsonb(value.obj, value.dumps)
    if isinstance(value, theirs.Json):
        return Json(value.obj, value.dumps)
    return value
