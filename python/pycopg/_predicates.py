"""Predicates on an error's SQLSTATE, the same as in C++ (include/copg/sqlstate.hpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any


class Predicate(property):
    """True if the SQLSTATE begins with one of `beginnings`: two characters are a class of them, five are one."""

    def __init__(self, *beginnings: str, text: str | None = None) -> None:
        text = text or f"{beginnings[0]}."
        super().__init__(lambda error: error.sqlstate is not None and error.sqlstate.startswith(beginnings), doc=text)

    if TYPE_CHECKING:

        def __get__(self, error: Any, owner: Any = None) -> bool: ...  # type: ignore[override,unused-ignore]


class Conditions:
    """Predicates on `sqlstate`. All are False if it is None, because the error is not the server's."""

    sqlstate: str | None

    is_integrity_violation: Predicate = Predicate("23", text="Class 23.")
    is_not_null_violation: Predicate = Predicate("23502")
    is_foreign_key_violation: Predicate = Predicate("23503")
    is_unique_violation: Predicate = Predicate("23505")
    is_check_violation: Predicate = Predicate("23514")
    is_exclusion_violation: Predicate = Predicate("23P01")
    is_serialization_failure: Predicate = Predicate("40001")
    is_deadlock: Predicate = Predicate("40P01")
    is_retryable: Predicate = Predicate(
        "40001",
        "40P01",
        text="40001 or 40P01: the transaction lost against another one, and may succeed when it is run again.",
    )
    is_lock_not_available: Predicate = Predicate("55P03")
    is_query_canceled: Predicate = Predicate("57014", text="57014: by a cancel request, or by statement_timeout.")
    is_read_only: Predicate = Predicate(
        "25006", text="25006: a write on a read-only server or in a read-only transaction."
    )
    is_failed_transaction: Predicate = Predicate("25P02")
    is_connection_exception: Predicate = Predicate(
        "08",
        "57P01",
        "57P02",
        "57P03",
        text="Class 08, 57P01, 57P02 or 57P03: the connection broke, or the server is shutting down or starting up.",
    )
    is_admin_shutdown: Predicate = Predicate("57P01")
    is_cannot_connect_now: Predicate = Predicate("57P03")
    is_too_many_connections: Predicate = Predicate("53300")
    is_insufficient_resources: Predicate = Predicate("53", text="Class 53.")
    is_invalid_authorization: Predicate = Predicate(
        "28", text="Class 28: wrong password, or a user that may not log in."
    )
    is_undefined_database: Predicate = Predicate("3D000")
    is_insufficient_privilege: Predicate = Predicate("42501")
    is_syntax_error: Predicate = Predicate("42601")
    is_undefined_table: Predicate = Predicate("42P01")
    is_undefined_column: Predicate = Predicate("42703")
    is_undefined_function: Predicate = Predicate("42883")
    is_duplicate_table: Predicate = Predicate("42P07")
    is_undefined_statement: Predicate = Predicate(
        "26000",
        text="26000: the prepared statement does not exist. The session was wiped, or a pooler has changed sessions.",
    )
    is_feature_not_supported: Predicate = Predicate("0A000")
