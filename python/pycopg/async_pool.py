"""The pool for asyncio."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from . import _native
from ._async_pool_calls import AsyncPoolCalls
from ._async_pool_leases import AsyncPoolTransaction, AsyncTryConnection, CheckedAsyncConnection
from ._async_routed import RoutedAsyncConnection, RoutedCheckedAsyncConnection, wait_for_primary
from ._async_types import AsyncTyped
from ._copy import Format, SupportsRead, SupportsWrite
from ._exit import close_at_exit
from ._loop import Done
from ._mixing import mixed
from ._native_types import Params, Raised, RaisedType, Row, Traceback, TypesUnknown
from ._pipeline import AsyncPipelines
from ._pool_base import PoolBase, named, replica_of
from ._run import Attempts, this_task
from ._transaction_options import options_of
from .async_connection import AsyncConnection
from .config import Config
from .connection import Connection
from .deadline import Deadline, as_deadline
from .errors import DatabaseError
from .listener import NOTIFY, AsyncListener
from .pool import PooledDatabase
from .stream import AsyncPoolStream, AsyncRowStream

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    from ._pool_base import IfUnfit, Prepare, Reset, Role
    from ._transaction_options import Isolation, Settings
    from .sql import Query

    P = ParamSpec("P")

Self = TypeVar("Self", bound="AsyncPooledDatabase")
T = TypeVar("T")


if TYPE_CHECKING:

    class Base(PoolBase, AsyncPipelines, AsyncPoolCalls, AsyncTyped, _native.LoopPool): ...
else:
    Base = mixed(PoolBase, mixed(AsyncPipelines, mixed(AsyncPoolCalls, mixed(AsyncTyped, _native.LoopPool))))


class AsyncPooledDatabase(Base):
    """A pool of connections to one database, for any number of tasks in any number of event loops.

    It belongs to no event loop, so it may be made at import time. It must be opened before its first use. Every call
    has one deadline, `timeout` seconds after it began. Requests are served in the order of their arrival. A cancelled
    task ends at once: the server is told to cancel its statement, and the background cleans the connection.

    `config` may be another pool, such as a PooledDatabase: this object then shares its connections, its queue and its
    options, and takes no others. To close one closes both.

    Where the configuration names several hosts, they are the servers of one database, a primary and its replicas, each
    with connections of its own, up to `max_size` for each. Calls go to the primary, whichever that is; `replica` and
    `on` have the others. Who waits when the primary is lost gets the next one, within the deadline. With
    target_session_attrs or load_balance_hosts in the configuration, libpq chooses one host instead.
    """

    def __init__(
        self,
        config: Config | PoolBase,
        min_size: int = 2,
        max_size: int | None = 10,
        max_idle: float = 300.0,
        max_lifetime: float = 3600.0,
        timeout: float = 30.0,
        num_workers: int = 3,
        reconnect_timeout: float = 300.0,
        reconnect_failed: Callable[[Any], object] | None = None,
        check: Callable[[AsyncConnection], Any] | None = None,
        *,
        name: str = "",
        max_waiting: int = 0,
        connect_timeout: float = 10.0,
        min_idle: int = 0,
        configure: Callable[[Connection], object] | None = None,
        on_return: Callable[[Connection], object] | None = None,
        before_close: Callable[[Connection], object] | None = None,
        reset: Reset = "tracked",
        prepare: Prepare = "auto",
        share: bool = True,
        join_rows: bool = True,
        max_result_bytes: int = 0,
        resolve_commits: bool | Literal["on_request"] = False,
        leak_after: float | None = None,
        held_idle_after: float | None = None,
        slow_acquire: float | None = None,
        slow_statement: float | None = None,
        observer: object = None,
        origin_skip: Sequence[str] = (),
        outage_patience: float | None = None,
        credentials: Callable[[], Any] | None = None,
        credentials_ttl: float = 0.0,
        autocommit: bool = False,
        row_factory: Callable[..., Any] = dict,
    ) -> None:
        arguments = locals()
        if check is not None and not callable(check):
            raise TypeError(f"check = {check!r}: it must be a coroutine function")
        self._check = check
        native = self._keep(arguments)
        self._on_lease = check is not None or self._routed
        if self._routed:
            self._kind = RoutedAsyncConnection if check is None else RoutedCheckedAsyncConnection
        else:
            self._kind = AsyncConnection if check is None else CheckedAsyncConnection
        super().__init__(*native)
        close_at_exit(self)

    @property
    def sync(self) -> PooledDatabase:
        """A new object for threads that shares this pool, and opens it if it is not open. Does not block."""
        return PooledDatabase(self)

    async def open(self) -> None:
        """Opens the pool, if it is not open, and waits until `min_size` connections are open.

        Raises PoolTimeout after `timeout` seconds, ConfigurationError at once for what cannot work (a wrong password),
        and PoolClosed after `close`.
        """
        self._open()
        await self._wait_until_open(self._timeout)

    @overload
    async def execute(
        self, sql: Query, params: Params | None = None, *, row: None = None, timeout: float | Deadline | None = None
    ) -> list[Row]: ...
    @overload
    async def execute(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> list[dict[str, Any]]: ...
    @overload
    async def execute(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> list[T]: ...
    async def execute(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> list[Any]:
        """Executes one statement on any connection, in a transaction of its own: one round trip.

        Returns the rows, or [] if the statement returns none; `row`: what a row becomes (pycopg.rows), in place of the
        pool's `row_factory`. Without parameters several statements are allowed, in one transaction; the rows are those
        of the first that returns any. Takes up to `timeout` seconds, by default the pool's, and then raises PoolTimeout
        or QueryTimeout.
        """
        if self._on_lease:
            return (await self._checked_execute(sql, params, timeout, row))._all_rows()
        rows: list[Row]
        try:
            rows = await self._execute(sql, params, row, timeout)
        except (TypesUnknown, DatabaseError) as error:
            if self._is_final(error):
                raise
            rows = await self._with_types(error, self._execute, sql, params, row, timeout)
        return rows

    fetch_all = execute
    """Another name for `execute`, which goes with `fetch_one` and `fetch_val`."""

    @overload
    async def fetch_one(
        self, sql: Query, params: Params | None = None, *, row: None = None, timeout: float | Deadline | None = None
    ) -> Row | None: ...
    @overload
    async def fetch_one(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> dict[str, Any] | None: ...
    @overload
    async def fetch_one(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> T | None: ...
    async def fetch_one(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> Any:
        """Returns the first row, or None if there is none, also for a statement that never returns rows.

        `row`: what the row becomes, such as a dataclass (pycopg.rows), in place of the pool's `row_factory`.
        ProgrammingError, which names them, if columns and fields do not fit.
        """
        if self._on_lease:
            return (await self._checked_execute(sql, params, timeout, row))._first_row()
        try:
            return await self._fetch_one(sql, params, row, timeout)
        except (TypesUnknown, DatabaseError) as error:
            if self._is_final(error):
                raise
            return await self._with_types(error, self._fetch_one, sql, params, row, timeout)

    async def fetch_val(
        self, sql: Query, params: Params | None = None, *, timeout: float | Deadline | None = None
    ) -> Any:
        """Returns the first column of the first row, or None. ProgrammingError for a row without columns."""
        if self._on_lease:
            return (await self._checked_execute(sql, params, timeout))._first_value()
        try:
            return await self._fetch_val(sql, params, timeout)
        except (TypesUnknown, DatabaseError) as error:
            if self._is_final(error):
                raise
            return await self._with_types(error, self._fetch_val, sql, params, timeout)

    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: None = None,
        timeout: float | Deadline | None = None,
    ) -> AsyncPoolStream[Row]: ...
    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> AsyncPoolStream[dict[str, Any]]: ...
    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> AsyncPoolStream[T]: ...
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> AsyncPoolStream[Any]:
        """A context manager: leases a connection and gives the rows of a statement, read in chunks of `size`.

        `async with db.stream(sql) as rows: async for row in rows`. The statement is a transaction of its own. To stop
        half-way costs nothing; the connection comes back as the block is left. `size`, `row`, `timeout`:
        as of `Connection.stream`; `timeout` also limits the wait for the connection.
        """
        connection = self._kind(self, timeout, True, self._row_factory)
        return AsyncPoolStream(connection, AsyncRowStream(connection, sql, params, size, timeout, row))

    async def notify(self, channel: str, payload: str = "", *, timeout: float | Deadline | None = None) -> None:
        """Sends a notification to those who listen to the channel, at once.

        The server refuses a payload of 8,000 bytes and more, and a channel's name that is empty or longer than 63
        bytes.
        """
        await self.execute(NOTIFY, [channel, payload], timeout=timeout)

    def listen(self, *channels: str, queue: int = 10_000, timeout: float | Deadline | None = None) -> AsyncListener:
        """A context manager: listens to channels, and iterates over what NOTIFY sends to them.

        `async with db.listen("jobs") as notes: async for note in notes`. Entering it returns once the server has
        acknowledged that, so that a notification that is sent from then on is heard; `timeout` is for that (None: the
        pool's).
        `queue`: how many notifications it keeps; of more it drops the newest, and a Gap counts them.

        Raises InterfaceError for a name that is empty, longer than 63 bytes, or holds a NUL; PoolTimeout with the last
        connect error; ConfigurationError at once where nobody could ever listen, such as behind a pooler in transaction
        mode.
        """
        return AsyncListener(self, channels, queue, timeout)

    async def copy_in(
        self,
        table: str,
        rows: Iterable[Any] | AsyncIterable[Any] | SupportsRead,
        *,
        columns: Sequence[str] | None = None,
        format: Format | None = None,  # noqa: A002  (COPY has the name)
        header: bool = False,
        timeout: float | Deadline | None = None,
    ) -> int:
        """Copies rows, or data in COPY's own format, into a table: the fastest way in. Returns the number of rows.

        `table`: its name, `app.jobs` with a schema, quoted as it stands; a name with special characters is given in
        double quotes, as in SQL. Or a whole COPY ... FROM STDIN. `rows`: an iterable of sequences, or of dicts if
        `columns` are given, or an asynchronous iterable of either; a file, or an iterable of bytes or str, in the
        `format` "text" (of a file: if none is given), "csv" (`header`: its first line is one) or "binary".

        The rows are one transaction: an error undoes all. An error of the server says which line and column it means
        (`error.diag.context`). A file is read in a thread. `timeout`: of the whole call.
        """
        deadline = as_deadline(self._timeout if timeout is None else timeout)
        async with self._one_call(deadline) as connection:
            return await connection.copy_in(
                table, rows, columns=columns, format=format, header=header, timeout=deadline
            )

    async def copy_out(
        self,
        query_or_table: str,
        file: SupportsWrite,
        *,
        format: Format | None = None,  # noqa: A002
        header: bool = False,
        timeout: float | Deadline | None = None,
    ) -> int:
        """Copies a table, the rows of a query, or what a COPY ... TO STDOUT sends, to a file. Returns their number.

        `query_or_table`: a text with white space is SQL, any other the name of a table. `file`: has `write`; a text
        file gets str. It is written in a thread. `format`: as of `copy_in`. `timeout`: of the whole call.
        """
        deadline = as_deadline(self._timeout if timeout is None else timeout)
        async with self._one_call(deadline) as connection:
            return await connection.copy_out(query_or_table, file, format=format, header=header, timeout=deadline)

    @property
    def replica(self) -> AsyncPooledDatabase:
        """The same pool, whose calls go to a replica: `on("replica")`."""
        made: AsyncPooledDatabase = replica_of(self)
        return made

    def on(
        self,
        role: Role,
        *,
        max_lag: float | None = None,
        if_unfit: IfUnfit = "wait",
        patience: float = 0.0,
    ) -> AsyncPooledDatabase:
        """The same pool, whose calls go to a server of that role: `await db.on("replica", max_lag=5).fetch_all(...)`.

        `role`: "primary", "replica", or "any", which is a replica or the primary. A replica refuses what writes
        (ReadOnlySqlTransaction). `max_lag`: how old its data may be, in seconds; None: as old as they are. `if_unfit`:
        where no replica is fit, "wait" for one until the deadline, or, after `patience` seconds, go to the "primary"
        or "fail" with PoolTimeout, which says what each host was last seen to be.

        The object that is returned is small, and keeps the pool open. It shares all of it: to close one closes both.
        InterfaceError for a replica where there is one host. Does not wait. PoolClosed if the pool is not open.
        """
        made = AsyncPooledDatabase.__new__(AsyncPooledDatabase)
        _native.LoopPool.__init__(made, self, role, max_lag, if_unfit, patience)
        made._take_after(self)
        made._check, made._kind, made._on_lease = self._check, self._kind, self._on_lease
        return made

    def connection(self, timeout: float | Deadline | None = None, *, name: str | None = None) -> AsyncConnection:
        """A context manager that leases a connection when entered and gives it back when left.

        `timeout`: how long to wait for the connection, in seconds; None: the pool's `timeout`. Each call on it has a
        time of its own: `AsyncConnection.timeout`. `name`: what the pool calls the lease in `leases()` and in messages.
        """
        return named(self._kind(self, timeout, self._autocommit, self._row_factory), name)

    def try_connection(self, *, name: str | None = None) -> AsyncTryConnection:
        """Like `connection`, but leases one only if it is free at once: entered, it gives None otherwise.

        None is free when none is idle, when others wait for one, and while the pool is suspended. Never waits, and
        never makes the pool open a connection. PoolClosed once the pool is closed. `name`: as of `connection`.
        """
        return AsyncTryConnection(named(self._kind(self, None, self._autocommit, self._row_factory), name))

    def transaction(
        self,
        timeout: float | Deadline | None = None,
        *,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        settings: Settings | None = None,
        role: str | None = None,
        resolve_commit: bool | None = None,
        name: str | None = None,
    ) -> AsyncPoolTransaction:
        """Like `connection`, with a transaction: leaving normally commits it, an exception rolls it back.

        `timeout`: of the whole block, in seconds: the wait for a connection, each statement, and the COMMIT end by it.

        `isolation`, `readonly`, `deferrable`, `settings` (as by SET LOCAL) and `role` (as by SET LOCAL ROLE) hold until
        the transaction ends, and cost no further round trip. What the server refuses of them is the error of the first
        statement. `resolve_commit`: if COMMIT's answer is lost, find out what became of the transaction; None: as the
        pool's `resolve_commits` says. InterfaceError for True in a pool where that is False. `name`: as of
        `connection`.
        """
        options = options_of(isolation, readonly, deferrable, settings, role, resolve_commit)
        return AsyncPoolTransaction(self.connection(timeout, name=name), options, self._inside)

    async def run(
        self,
        fn: Callable[[AsyncConnection], Awaitable[T]],
        *,
        attempts: int = 5,
        timeout: float | Deadline | None = None,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        settings: Settings | None = None,
        role: str | None = None,
        resolve_commit: bool | None = None,
    ) -> T:
        """Calls `fn(conn)` in a transaction, and again from the start where that may help. Returns what it returns.

        That is after a serialization failure or a deadlock (40001, 40P01), which the server undoes: `attempts` times at
        most, each time on a connection leased anew, with pauses between, all within `timeout` (None: the
        pool's). `fn` must have no effect but on the database. No other error is repeated, CommitUnknown neither; after
        several attempts `error.attempts` tells what each has ended with. InterfaceError inside a `transaction()` block
        of this pool. The other keywords are those of `transaction`.
        """
        if not callable(fn):
            raise TypeError(f"fn = {fn!r}: it must be a coroutine function")
        options = options_of(isolation, readonly, deferrable, settings, role, resolve_commit)
        self._inside.refuse(this_task())
        tries = Attempts(self, attempts, self._timeout if timeout is None else timeout)
        while True:
            try:
                async with AsyncPoolTransaction(self.connection(tries.deadline), options, self._inside) as connection:
                    return await fn(connection)
            except Exception as error:
                pause_s = tries.pause_after(error)
                if pause_s is None:
                    raise
            await asyncio.sleep(pause_s)

    def transactional(
        self,
        *,
        attempts: int = 5,
        timeout: float | Deadline | None = None,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        settings: Settings | None = None,
        role: str | None = None,
        resolve_commit: bool | None = None,
    ) -> Callable[[Callable[Concatenate[AsyncConnection, P], Awaitable[T]]], Callable[P, Coroutine[Any, Any, T]]]:
        """A decorator: the function is called as by `run`, with the connection in front of its arguments."""

        def decorate(
            fn: Callable[Concatenate[AsyncConnection, P], Awaitable[T]],
        ) -> Callable[P, Coroutine[Any, Any, T]]:
            @functools.wraps(fn)
            async def call(*args: P.args, **keywords: P.kwargs) -> T:
                return await self.run(
                    lambda connection: fn(connection, *args, **keywords),
                    attempts=attempts,
                    timeout=timeout,
                    isolation=isolation,
                    readonly=readonly,
                    deferrable=deferrable,
                    settings=settings,
                    role=role,
                    resolve_commit=resolve_commit,
                )

            return call

        return decorate

    def resize(self, min_size: int, max_size: int | None = None) -> Done:
        """Sets new bounds, also while connections are leased. Takes effect when called, awaited or not."""
        self._resize(min_size, max_size)
        return Done()

    async def check(self) -> None:
        """Tests all idle connections and replaces dead ones. Callers are served meanwhile.

        While the server can't be reached, this starts the next connect at once.
        """
        if self._routed:
            for call in self._check_hosts():
                await call
        else:
            await self._check_idle()

    async def wait(self, timeout: float | Deadline = 30.0) -> None:
        """Waits until `min_size` connections are open. An error leaves the pool open.

        Raises PoolTimeout after `timeout` seconds, ConfigurationError at once for what cannot work (a wrong password).
        """
        await self._wait_until_open(timeout)

    def drain(self) -> Done:
        """Replaces every connection: idle ones now, leased ones as they come back. Takes effect when called."""
        self._drain()
        return Done()

    def suspend(self) -> Done:
        """Hands out no connections until `resume`: requests wait, up to their deadlines. Takes effect when called."""
        self._suspend()
        return Done()

    def resume(self) -> Done:
        """Hands out connections again. Takes effect when called."""
        self._resume()
        return Done()

    async def close(self, timeout: float | Deadline = 5.0) -> None:
        """Closes the pool: waiting callers get PoolClosed at once, leases are cut off after `timeout` s. Idempotent."""
        if self._routed:
            for call in self._close_hosts(timeout):
                await call
            self._finish_close(0.0)
        elif (only := self._close(timeout)) is not None:
            await only  # a lease that was cut off and is not back by then is closed when it comes back
            self._finish_close()
        self._end_monitors()

    async def _wait_until_open(self, timeout: float | Deadline) -> None:
        if self._routed:
            await wait_for_primary(self.on("primary"), as_deadline(timeout))
        else:
            await self._wait(timeout)

    async def __aenter__(self: Self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        await self.close()
