"""Changes of tables, as Django's backend for PostgreSQL writes them, with pycopg's constants."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import schema

from ._values import literal


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    def quote_value(self, value: Any) -> str:
        return literal(value)
