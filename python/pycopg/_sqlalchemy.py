"""SQLAlchemy on copg: the pool of an engine, and the dialect for threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import URL, Engine
from sqlalchemy.pool import NullPool, Pool

import pycopg

from .config import Config
from .types import Json, Jsonb, Multirange, Range

_AUTOCOMMIT = "AUTOCOMMIT"
_any_dialect: Any = PGDialect


class CopgPool(NullPool):
    """What SQLAlchemy takes for the pool of an engine. It passes options on, and keeps no connections."""

    def __init__(
        self,
        creator: Any,
        pool_size: int = 5,
        max_overflow: int = 10,
        timeout: float = 30.0,
        recycle: int = -1,
        use_lifo: bool = True,
        pool_options: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> None:
        if pool_size < 0 or max_overflow < 0:
            raise ValueError("a pool of copg has a bound: pool_size and max_overflow must be at least 0")
        super().__init__(creator, **others)
        self._arguments: dict[str, Any] = {
            "pool_size": pool_size,
            "max_overflow": max_overflow,
            "timeout": timeout,
            "recycle": recycle,
            "pool_options": pool_options,
        }
        self.options: dict[str, Any] = {"min_size": 0, "max_size": pool_size + max_overflow, "timeout": timeout}
        if recycle > 0:
            self.options["max_lifetime"] = recycle
        self.options.update(pool_options or {})

    def status(self) -> str:
        database = getattr(self._dialect, "database", None)
        return "not opened yet" if database is None else repr(database)

    def recreate(self) -> CopgPool:
        return type(self)(
            self._creator,
            **self._arguments,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            reset_on_return=self._reset_on_return,
            pre_ping=self._pre_ping,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )

    def dispose(self) -> None:
        dispose = getattr(self._dialect, "dispose_of_database", None)
        if dispose is not None:
            dispose()


class EngineDialect(PGDialect_psycopg):
    """`postgresql+copg`: SQLAlchemy's dialect for psycopg, over the connections of a pool of copg."""

    driver = "copg"
    supports_statement_cache = True
    minimum_dbapi_version: Any = None
    database: Any  # a pool; None until the first connection, if the engine makes it

    def __init__(
        self,
        database: Any = None,
        json_serializer: Callable[[Any], str] | None = None,
        json_deserializer: Callable[[str], Any] | None = None,
        native_inet_types: bool | None = None,
        **options: Any,
    ) -> None:
        self._above_psycopg.__init__(
            json_serializer=json_serializer,
            json_deserializer=json_deserializer,
            native_inet_types=native_inet_types,
            **options,
        )
        self.database = database
        self._is_given = database is not None
        self._options: dict[str, Any] = {}
        self._hstore = False

    @property
    def _above_psycopg(self) -> Any:
        """The dialect without what psycopg's own does with psycopg: it registers types of that."""
        return super(PGDialect_psycopg, self)

    # --- The pool

    @classmethod
    def import_dbapi(cls) -> Any:
        return pycopg

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        return CopgPool

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        dialect: Any = engine.dialect
        dialect._options = getattr(engine.pool, "options", {})

    @classmethod
    def load_provisioning(cls) -> None:
        import sqlalchemy.dialects.postgresql.provision  # noqa: F401

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        _, keywords = self._above_psycopg.create_connect_args(url)
        keywords.pop("dsn", None)
        return [], keywords

    def connect(self, *arguments: Any, **keywords: Any) -> Any:
        if self.database is None:
            self.database = self._prepare(pycopg.PooledDatabase(config_of(keywords), **self._options))
        return pycopg.connect(self.database)

    def dispose_of_database(self) -> None:
        """Closes the engine's pool. Connections that are leased go on until they are given back."""
        if self._is_given or self.database is None:
            return
        database, self.database = self.database, None
        if database.stats["leased"] == 0:
            database.close()
        else:
            database.drain()

    def _prepare(self, database: Any) -> Any:
        """Sets how values become objects, before the first of them is read."""
        types = database.types
        if self._json_serializer is not None or self._json_deserializer is not None:
            types.json(loads=self._json_deserializer, dumps=self._json_serializer)
        if self._native_inet_types is False:
            for name in ("inet", "cidr"):
                types.register(name, loads=str)
        if self._hstore:
            types.register_hstore()
        return database

    def initialize(self, connection: Any) -> None:
        self._above_psycopg.initialize(connection)
        if self._is_given:
            self._prepare(self.database)
        if self.use_native_hstore:
            found = connection.exec_driver_sql("SELECT to_regtype('hstore') IS NOT NULL").scalar()
            self._has_native_hstore = self._hstore = bool(found)
            if found:
                self.database.types.register_hstore()

    # --- Connections

    def do_begin(self, dbapi_connection: Any) -> None:
        """Nothing: the first statement begins a transaction, with the isolation that was set."""

    def do_ping(self, dbapi_connection: Any) -> bool:
        before = dbapi_connection.autocommit
        dbapi_connection.autocommit = True
        try:
            dbapi_connection.cursor().execute(";")
        finally:
            if not dbapi_connection.closed:
                dbapi_connection.autocommit = before
        return True

    def is_disconnect(self, error: Any, connection: Any, cursor: Any) -> bool:
        return isinstance(error, self.loaded_dbapi.Error) and connection is not None and bool(connection.closed)

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        if level == _AUTOCOMMIT:
            dbapi_connection.isolation = None
            dbapi_connection.autocommit = True
        else:
            dbapi_connection.autocommit = False
            dbapi_connection.isolation = level.lower()

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        idle = dbapi_connection.info.transaction_status == pycopg.TransactionStatus.IDLE
        level = _any_dialect.get_isolation_level(self, dbapi_connection)
        if idle:
            dbapi_connection.rollback()
        return level

    def set_readonly(self, connection: Any, value: bool) -> None:
        connection.readonly = bool(value)

    def get_readonly(self, connection: Any) -> bool:
        return bool(connection.readonly)

    def set_deferrable(self, connection: Any, value: bool) -> None:
        connection.deferrable = bool(value)

    def get_deferrable(self, connection: Any) -> bool:
        return bool(connection.deferrable)

    def on_connect(self) -> Callable[[Any], None] | None:
        level = self.isolation_level
        return None if level is None else lambda connection: self.set_isolation_level(connection, level)

    # Two phases by SQL, as any driver can have them.
    do_begin_twophase: Any = _any_dialect.do_begin_twophase
    do_prepare_twophase: Any = _any_dialect.do_prepare_twophase
    do_rollback_twophase: Any = _any_dialect.do_rollback_twophase
    do_commit_twophase: Any = _any_dialect.do_commit_twophase
    do_recover_twophase: Any = _any_dialect.do_recover_twophase

    # --- What the types of psycopg's dialect ask for

    _psycopg_Json: Any = Json  # noqa: N815
    _psycopg_Jsonb: Any = Jsonb  # noqa: N815
    _psycopg_Range: Any = Range  # noqa: N815
    _psycopg_Multirange: Any = Multirange  # noqa: N815


def config_of(keywords: Mapping[str, Any]) -> Config:
    """libpq's keywords, as SQLAlchemy makes them of a URL. Without any, the environment's."""
    if not keywords:
        return Config.from_env()
    own = dict(keywords)
    fields = {"host": "host", "port": "port", "database": "dbname", "user": "user", "password": "password"}
    given = {ours: own.pop(theirs) for ours, theirs in fields.items() if theirs in own}
    if "host" in given:
        given["host"] = unquote(given["host"])  # a socket folder, in the place of a host
    if isinstance(given.get("port"), str):  # of several hosts
        own["port"] = given.pop("port")
    return Config(**given, options={name: str(value) for name, value in own.items()})
