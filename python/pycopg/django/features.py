"""What Django's tests may expect of this backend, where it is not what they expect of psycopg."""

from __future__ import annotations

from typing import Any

from django.db import DataError
from django.db.backends.postgresql import features
from django.utils.functional import cached_property

_CHECKS = "backends.base.test_base.ConnectionHealthChecksTests."


class DatabaseFeatures(features.DatabaseFeatures):
    prohibits_null_characters_in_text_exception = (
        DataError,
        "a string with a NUL character can't be sent: PostgreSQL has no text that holds one",
    )

    @cached_property
    def django_test_skips(self) -> dict[str, set[str]]:
        skips: dict[str, Any] = super().django_test_skips
        checks = {f"{_CHECKS}test_health_checks_enabled", f"{_CHECKS}test_set_autocommit_health_checks_enabled"}
        return {**skips, "The pool finds out by itself which connections are dead": checks}
