"""Predicates on an error's SQLSTATE, the same as in C++ (include/copg/sqlstate.hpp)."""

from __future__ import annotations


class Conditions:
    """Predicates on `sqlstate`. All are False if it is None, because the error is not the server's."""

    sqlstate: str | None

    def _in_class(self, two: str) -> bool:
        return self.sqlstate is not None and self.sqlstate.startswith(two)

    @property
    def is_integrity_violation(self) -> bool:
        """Class 23."""
        return self._in_class("23")

    @property
    def is_not_null_violation(self) -> bool:
        """23502."""
        return self.sqlstate == "23502"

    @property
    def is_foreign_key_violation(self) -> bool:
        """23503."""
        return self.sqlstate == "23503"

    @property
    def is_unique_violation(self) -> bool:
        """23505."""
        return self.sqlstate == "23505"

    @property
    def is_check_violation(self) -> bool:
        """23514."""
        return self.sqlstate == "23514"

    @property
    def is_exclusion_violation(self) -> bool:
        """23P01."""
        return self.sqlstate == "23P01"

    @property
    def is_serialization_failure(self) -> bool:
        """40001."""
        return self.sqlstate == "40001"

    @property
    def is_deadlock(self) -> bool:
        """40P01."""
        return self.sqlstate == "40P01"

    @property
    def is_retryable(self) -> bool:
        """40001 or 40P01: the transaction lost against another one, and may succeed when it is run again."""
        return self.is_serialization_failure or self.is_deadlock

    @property
    def is_lock_not_available(self) -> bool:
        """55P03."""
        return self.sqlstate == "55P03"

    @property
    def is_query_canceled(self) -> bool:
        """57014: by a cancel request, or by statement_timeout."""
        return self.sqlstate == "57014"

    @property
    def is_read_only(self) -> bool:
        """25006: a write on a read-only server or in a read-only transaction."""
        return self.sqlstate == "25006"

    @property
    def is_failed_transaction(self) -> bool:
        """25P02."""
        return self.sqlstate == "25P02"

    @property
    def is_connection_exception(self) -> bool:
        """Class 08, 57P01, 57P02 or 57P03: the connection broke, or the server is shutting down or starting up."""
        return self._in_class("08") or self.sqlstate in ("57P01", "57P02", "57P03")

    @property
    def is_admin_shutdown(self) -> bool:
        """57P01."""
        return self.sqlstate == "57P01"

    @property
    def is_cannot_connect_now(self) -> bool:
        """57P03."""
        return self.sqlstate == "57P03"

    @property
    def is_too_many_connections(self) -> bool:
        """53300."""
        return self.sqlstate == "53300"

    @property
    def is_insufficient_resources(self) -> bool:
        """Class 53."""
        return self._in_class("53")

    @property
    def is_invalid_authorization(self) -> bool:
        """Class 28: wrong password, or a user that may not log in."""
        return self._in_class("28")

    @property
    def is_undefined_database(self) -> bool:
        """3D000."""
        return self.sqlstate == "3D000"

    @property
    def is_insufficient_privilege(self) -> bool:
        """42501."""
        return self.sqlstate == "42501"

    @property
    def is_syntax_error(self) -> bool:
        """42601."""
        return self.sqlstate == "42601"

    @property
    def is_undefined_table(self) -> bool:
        """42P01."""
        return self.sqlstate == "42P01"

    @property
    def is_undefined_column(self) -> bool:
        """42703."""
        return self.sqlstate == "42703"

    @property
    def is_undefined_function(self) -> bool:
        """42883."""
        return self.sqlstate == "42883"

    @property
    def is_duplicate_table(self) -> bool:
        """42P07."""
        return self.sqlstate == "42P07"

    @property
    def is_undefined_statement(self) -> bool:
        """26000: the prepared statement does not exist. The session was wiped, or a pooler has changed sessions."""
        return self.sqlstate == "26000"

    @property
    def is_feature_not_supported(self) -> bool:
        """0A000."""
        return self.sqlstate == "0A000"
