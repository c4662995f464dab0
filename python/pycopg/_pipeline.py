"""`execute_many` and `execute_all` of pools and connections: many rows, or statements, in one flush."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, overload

from . import _native
from ._native import Answer as Answer
from ._native_types import Params, Row
from .errors import Error

if TYPE_CHECKING:
    from .deadline import Deadline
    from .sql import Query

    T = TypeVar("T")
    Statement = Union[Query, tuple[Query], tuple[Query, Union[Params, None]]]
    """SQL, or SQL with its parameters."""

Answer.__module__ = "pycopg"


class Pipelines:
    """For threads."""

    if TYPE_CHECKING:

        def _execute_all(
            self,
            statements: Iterable[Any],
            transaction: bool,
            row: Callable[..., Any] | None,
            timeout: float | _native.Deadline | None,
            /,
        ) -> list[Any]: ...

        def _execute_many(
            self,
            sql: Any,
            params_seq: Iterable[Params],
            returning: bool | Callable[..., Any] | None,
            timeout: float | _native.Deadline | None,
            /,
        ) -> Any: ...

    @overload
    def execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params],
        *,
        returning: Literal[False] | None = None,
        timeout: float | Deadline | None = None,
    ) -> int: ...
    @overload
    def execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params],
        *,
        returning: Literal[True],
        timeout: float | Deadline | None = None,
    ) -> list[Row]: ...
    @overload
    def execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params],
        *,
        returning: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> list[dict[str, Any]]: ...
    @overload
    def execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params],
        *,
        returning: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> list[T]: ...
    def execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params],
        *,
        returning: bool | Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> Any:
        """Executes the statement for each row of parameters. Returns the number of rows affected.

        As part of an open transaction, or else in one of its own: an error names the row (`error.row_index`) and undoes
        everything. Takes any iterable, which it reads bit by bit. Rows of a plain INSERT share statements where nobody
        can tell (`join_rows`).

        `returning`: returns the rows of RETURNING in place of their number, as a list, in the order of `params_seq`:
        True, as the `row_factory` has them; or what a row becomes, such as a dataclass (pycopg.rows).
        """
        return self._execute_many(sql, params_seq, returning, timeout)

    @overload
    def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: Literal[True] = True,
        row: None = None,
        timeout: float | Deadline | None = None,
    ) -> list[Answer[Row]]: ...
    @overload
    def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: Literal[True] = True,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> list[Answer[dict[str, Any]]]: ...
    @overload
    def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: Literal[True] = True,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> list[Answer[T]]: ...
    @overload
    def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: bool,
        row: None = None,
        timeout: float | Deadline | None = None,
    ) -> list[Answer[Row] | Error]: ...
    @overload
    def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: bool,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> list[Answer[T] | Error]: ...
    def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: bool = True,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> list[Any]:
        """Executes several statements in one flush, with one round trip for all. Returns an `Answer` for each.

        `statements`: an iterable of SQL, or of tuples of SQL and its parameters; it is read to its end first. They are
        one transaction, all or none: the first error is raised, names its statement (`error.statement_index`,
        `error.query`), and undoes all; those behind it are not executed. With `transaction=False` each is a transaction
        of its own, and an error touches no other: it stands in the list in the place of its answer. On a connection
        inside a transaction they are part of that, either way, and an error fails it.

        What can't be sent (COPY, several statements in one text; BEGIN and the like, unless `transaction=False`) is
        refused, in one transaction before anything is sent. `row`: what a row becomes (pycopg.rows). `timeout`: of the
        whole call, in seconds. CommitUnknown if the connection is lost, or time is up, before the answer to the COMMIT;
        if each is its own, QueryTimeout, after which each may have been executed or not.
        """
        return self._execute_all(statements, transaction, row, timeout)


class AsyncPipelines:
    """For asyncio."""

    if TYPE_CHECKING:

        async def _all(
            self,
            statements: Iterable[Any],
            transaction: bool,
            row: Callable[..., Any] | None,
            timeout: float | Deadline | None,
        ) -> list[Any]: ...

        async def _many(
            self,
            sql: Any,
            params_seq: Iterable[Params] | AsyncIterable[Params],
            returning: bool | Callable[..., Any] | None,
            timeout: float | Deadline | None,
        ) -> Any: ...

    @overload
    async def execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params] | AsyncIterable[Params],
        *,
        returning: Literal[False] | None = None,
        timeout: float | Deadline | None = None,
    ) -> int: ...
    @overload
    async def execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params] | AsyncIterable[Params],
        *,
        returning: Literal[True],
        timeout: float | Deadline | None = None,
    ) -> list[Row]: ...
    @overload
    async def execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params] | AsyncIterable[Params],
        *,
        returning: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> list[dict[str, Any]]: ...
    @overload
    async def execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params] | AsyncIterable[Params],
        *,
        returning: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> list[T]: ...
    async def execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params] | AsyncIterable[Params],
        *,
        returning: bool | Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> Any:
        """Executes the statement for each row of parameters. Returns the number of rows affected.

        As part of an open transaction, or else in one of its own: an error names the row (`error.row_index`) and undoes
        everything. Takes any iterable, which it reads bit by bit. Rows of a plain INSERT share statements where nobody
        can tell (`join_rows`).

        `returning`: returns the rows of RETURNING in place of their number, as a list, in the order of `params_seq`:
        True, as the `row_factory` has them; or what a row becomes, such as a dataclass (pycopg.rows).

        This task reads an asynchronous iterable in batches, during which no other call runs on the connection; the
        deadline counts that time, but does not interrupt it.
        """
        return await self._many(sql, params_seq, returning, timeout)

    @overload
    async def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: Literal[True] = True,
        row: None = None,
        timeout: float | Deadline | None = None,
    ) -> list[Answer[Row]]: ...
    @overload
    async def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: Literal[True] = True,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> list[Answer[dict[str, Any]]]: ...
    @overload
    async def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: Literal[True] = True,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> list[Answer[T]]: ...
    @overload
    async def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: bool,
        row: None = None,
        timeout: float | Deadline | None = None,
    ) -> list[Answer[Row] | Error]: ...
    @overload
    async def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: bool,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> list[Answer[T] | Error]: ...
    async def execute_all(
        self,
        statements: Iterable[Statement],
        *,
        transaction: bool = True,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> list[Any]:
        """Executes several statements in one flush, with one round trip for all. Returns an `Answer` for each.

        `statements`: an iterable of SQL, or of tuples of SQL and its parameters; it is read to its end first. They are
        one transaction, all or none: the first error is raised, names its statement (`error.statement_index`,
        `error.query`), and undoes all; those behind it are not executed. With `transaction=False` each is a transaction
        of its own, and an error touches no other: it stands in the list in the place of its answer. On a connection
        inside a transaction they are part of that, either way, and an error fails it.

        What can't be sent (COPY, several statements in one text; BEGIN and the like, unless `transaction=False`) is
        refused, in one transaction before anything is sent. `row`: what a row becomes (pycopg.rows). `timeout`: of the
        whole call, in seconds. CommitUnknown if the connection is lost, or time is up, before the answer to the COMMIT;
        if each is its own, QueryTimeout, after which each may have been executed or not.
        So it is with a task that is cancelled meanwhile.
        """
        # They may have to be read twice.
        given = statements if isinstance(statements, str) else list(statements)
        return await self._all(given, transaction, row, timeout) if given else []
