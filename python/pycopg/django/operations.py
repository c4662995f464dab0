"""SQL as Django's backend for PostgreSQL writes it; its constants, and what was executed, are pycopg's affair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.backends.postgresql import operations

from ..errors import DataError
from ..types import Jsonb
from ._values import composed


class DatabaseOperations(operations.DatabaseOperations):
    def compose_sql(self, sql: Any, params: Sequence[Any] | Mapping[str, Any] | None) -> str:
        return composed(sql, params)

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> str | None:
        if self.connection.features.uses_server_side_binding:
            try:
                return composed(sql, params)
            except DataError:
                return None
        text: str | None = cursor.last_text
        return text

    def adapt_json_value(self, value: Any, encoder: Any) -> Jsonb:
        return Jsonb(value, dumps=operations.get_json_dumps(encoder))
