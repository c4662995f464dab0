"""The backend that Django loads for `"ENGINE": "pycopg.django"`: its PostgreSQL backend, on a pool of copg."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from django.db.backends.postgresql import base
from django.utils.asyncio import async_unsafe
from psycopg import IsolationLevel

import pycopg

from ..pool import PooledDatabase
from ._connection import DjangoConnection, leased
from ._pools import call_timeout_of, close_pools, pool_of
from ._values import prepare_types
from .creation import DatabaseCreation
from .features import DatabaseFeatures
from .operations import DatabaseOperations
from .schema import DatabaseSchemaEditor

# Keywords that Django adds for psycopg's connect.
_PSYCOPGS = ("context", "cursor_factory", "client_encoding", "prepare_threshold")
_REFUSED = {
    "cursor_factory": "pycopg.django has cursors of its own",
    "prepare_threshold": "whether statements are prepared is said by OPTIONS['pool']['prepare']",
}


class DatabaseWrapper(base.DatabaseWrapper):
    """What `connections["default"]` is: it leases a connection when a statement needs one, and `close` gives it back.

    Django closes it at the end of each request. For one thread, as any of Django's.
    """

    Database = pycopg
    SchemaEditorClass = DatabaseSchemaEditor
    creation_class = DatabaseCreation
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    connection: DjangoConnection | None

    @property
    def pool(self) -> PooledDatabase:
        """The pool of this database, for all threads of the process. It is made when it is first asked for.

        The program may use it directly, also for asyncio: `AsyncPooledDatabase(connections["default"].pool)`.
        """
        pool = pool_of(self)
        prepare_types(pool.types, self.timezone)
        return pool

    def close_pool(self) -> None:
        """Closes the pools of this alias. Leased connections go on until they are given back."""
        close_pools(self.alias)

    def get_connection_params(self) -> dict[str, Any]:
        parameters: dict[str, Any] = super().get_connection_params()
        for name, instead in _REFUSED.items():
            if name in self.settings_dict["OPTIONS"]:
                raise ImproperlyConfigured(f"OPTIONS[{name!r}] is psycopg's: {instead}")
        for name in _PSYCOPGS:
            parameters.pop(name, None)
        return parameters

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> DjangoConnection:
        options = self.settings_dict["OPTIONS"]
        level = options.get("isolation_level")
        try:
            self.isolation_level = IsolationLevel.READ_COMMITTED if level is None else IsolationLevel(level)
        except ValueError:
            raise ImproperlyConfigured(
                f"Invalid transaction isolation level {level} specified. Use one of the psycopg.IsolationLevel values."
            ) from None
        connection = leased(self.pool, call_timeout_of(options.get("pool")))
        if level is not None:
            connection.isolation_level = self.isolation_level
        return connection

    def init_connection_state(self) -> None:
        BaseDatabaseWrapper.init_connection_state(self)  # the pool has configured the session

    def ensure_connection(self) -> None:
        """A connection that was lost outside of a transaction is exchanged for another."""
        if self.connection is not None and self.connection.closed and self.autocommit and not self.in_atomic_block:
            self.close()
        super().ensure_connection()

    def ensure_timezone(self) -> bool:
        self.close_pool()
        if self.connection is None:
            return False
        return bool(self._configure_timezone(self.connection))

    def _close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with self.wrap_database_errors:
                connection.close()
        if self.alias == NO_DB_ALIAS:  # which is used once, and would be in the way of whoever drops that database
            self.close_pool()

    @async_unsafe
    def create_cursor(self, name: str | None = None) -> Any:
        assert self.connection is not None
        # Settings may have changed since it was leased, in tests.
        self.connection.server_side_binding = self.settings_dict["OPTIONS"].get("server_side_binding") is True
        prepare_types(self.connection.types, self.timezone)
        if name is None:
            return self.connection.cursor()
        # In autocommit mode it is used outside of a transaction.
        return self.connection.cursor(name, scrollable=False, withhold=self.connection.autocommit)

    def is_usable(self) -> bool:
        if self.connection is None:
            return False
        try:
            self.connection.cursor().execute("SELECT 1")
        except pycopg.Error:
            return False
        return True

    def close_if_health_check_failed(self) -> None:
        """Nothing: the pool lends no connection that is dead."""
