"""The connection that Django's wrapper holds, and its cursors, with what Django expects of psycopg's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from psycopg import IsolationLevel, adapters
from psycopg.adapt import AdaptersMap
from psycopg.types import TypeInfo, TypesRegistry

from .. import _native
from .._pool_leases import lease
from .._types import _FIRST_OWN as FIRST_OWN
from .._types import Types
from ..connect import StandaloneConnection
from ..connection import Cursor as PlainCursor
from ..cursor import Column
from ..pool import PooledDatabase
from ..server_cursor import ServerCursor as PlainServerCursor
from ..sql import Identifier
from ._values import adapted_all, composed, literal, text_of

Parameters = Any  # a sequence, a mapping, or None


class DjangoConnection(StandaloneConnection):
    """A lease, in autocommit mode, whose rows are tuples."""

    server_side_binding = False
    """Parameters travel beside the text, not as constants in it."""

    def __init__(self, pool: PooledDatabase) -> None:
        super().__init__(pool, None, True, tuple)
        self._handed: Handed | None = None

    def cursor(  # type: ignore[override]
        self,
        name: str | None = None,
        *,
        row_factory: Callable[..., Any] | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> Cursor | ServerCursor:
        kind = self.row_factory if row_factory is None else row_factory
        if name is None:
            return Cursor(self, kind)
        return ServerCursor(self, name, scrollable, withhold, kind)

    @property
    def isolation_level(self) -> IsolationLevel | None:
        """What `isolation` is, as psycopg has it."""
        return None if self.isolation is None else IsolationLevel[self.isolation.upper().replace(" ", "_")]

    @isolation_level.setter
    def isolation_level(self, value: IsolationLevel | None) -> None:
        self.isolation = None if value is None else cast("Any", value.name.lower().replace("_", " "))

    def _bound(self, sql: Any, params: Parameters) -> tuple[str, Parameters]:
        """What is sent: the text, and the parameters that travel beside it."""
        if params is None:
            return text_of(sql, False), None
        if self.server_side_binding:
            return text_of(sql, True), adapted_all(params)
        return composed(sql, params), None

    @property
    def adapters(self) -> AdaptersMap:
        """Where django.contrib.postgres registers hstore and citext: it is handed on to the pool's types."""
        if self._handed is None:
            self._handed = Handed(self.types)
        return self._handed


class Handed(AdaptersMap):
    """Takes what is registered with psycopg, and hands on the names of types."""

    def __init__(self, types: Types) -> None:
        super().__init__(adapters)
        self.types = HandedTypes(types)


class HandedTypes(TypesRegistry):
    def __init__(self, types: Types) -> None:
        super().__init__()
        self._types = types

    def add(self, info: TypeInfo) -> None:
        if info.name in self._types._registered:
            return
        if info.name == "hstore":
            self._types.register_hstore()
        else:
            self._types.register(info.name)


def leased(pool: PooledDatabase, call_timeout: float) -> DjangoConnection:
    """Waits for a connection as long as the pool's `timeout`; each call on it may take `call_timeout` seconds."""
    connection = DjangoConnection(pool)
    lease(connection)
    connection.timeout = call_timeout
    return connection


def call_of(name: Any, arguments: Sequence[Any] | None) -> str:
    """The text of `callproc`."""
    function = (Identifier(name) if isinstance(name, str) else name).as_string(None)
    return f"SELECT * FROM {function}({', '.join(map(literal, arguments or ()))})"


class DisplayedColumn(Column):
    """A column of `description`, which knows its type's name as well."""

    type_display: str


def displayed(connection: DjangoConnection, columns: list[Column]) -> list[Column]:
    types = connection.types
    own = {column.type_code for column in columns if column.type_code >= FIRST_OWN}
    if unknown := own - types._known.keys():
        connection._look_up_types(list(unknown), None)
    result: list[Column] = []
    for column in columns:
        known = types._known.get(column.type_code)
        made = DisplayedColumn(*column)
        made.type_display = _native.type_name(column.type_code) if known is None else known.name
        result.append(made)
    return result


class Cursor(PlainCursor):
    """A cursor of pycopg that binds as Django wants it."""

    connection: DjangoConnection
    last_text: str | None = None
    """What was sent last; with server-side binding, without its parameters."""

    @property
    def description(self) -> list[Column] | None:
        """As PEP 249 has it; each column knows its `type_display`. Types of the database's own are looked up once."""
        columns = super().description
        return None if columns is None else displayed(self.connection, columns)

    def execute(self, sql: Any, params: Parameters = None) -> Cursor:
        text, params = self.connection._bound(sql, params)
        self.last_text = text
        self.connection._execute_on(self, text, params, None)
        return self

    def executemany(self, sql: Any, params_seq: Iterable[Parameters]) -> None:
        """Executes the statement for each row of parameters, in one pipeline, which binds on the server."""
        self.last_text = text_of(sql, True)
        super().executemany(self.last_text, map(adapted_all, params_seq))

    def callproc(self, name: Any, args: Sequence[Any] | None = None) -> Sequence[Any] | None:
        """Calls a function of the database; its rows are fetched as usual."""
        self.execute(call_of(name, args))
        return args

    def copy(self, statement: Any) -> _native.Copy | Any:
        """A context manager for COPY: see `Connection.copy`."""
        return self.connection.copy(text_of(statement, False))


class ServerCursor(PlainServerCursor):
    """A cursor of the server, for `iterator()`."""

    last_text: str | None = None

    def execute(self, sql: Any, params: Parameters = None) -> ServerCursor:
        text, params = self.connection._bound(sql, params)
        self.last_text = text
        super().execute(text, params)
        return self
