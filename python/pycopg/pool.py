"""The pool for threads."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from . import _native
from ._copy import Format, SupportsRead, SupportsWrite
from ._exit import close_at_exit
from ._mixing import mixed
from ._native_types import Params, Raised, RaisedType, Row, Traceback
from ._pipeline import Pipelines
from ._pool_base import PoolBase, named, plain_function, replica_of
from ._pool_leases import CheckedConnection, PoolTransaction, TryConnection
from ._run import Attempts, this_thread
from ._shortcut import shortcut
from ._transaction_options import options_of
from .config import Config
from .connection import Connection, Cursor
from .cursor import begun
from .deadline import Deadline, as_deadline
from .listener import NOTIFY, Listener
from .stream import PoolStream, RowStream

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    from ._pool_base import IfUnfit, Prepare, Reset, Role
    from ._transaction_options import Isolation, Settings
    from .sql import Query

    P = ParamSpec("P")

Self = TypeVar("Self", bound="PooledDatabase")
T = TypeVar("T")


if TYPE_CHECKING:

    class Base(PoolBase, Pipelines, _native.Pool): ...
else:
    Base = mixed(PoolBase, mixed(Pipelines, _native.Pool))


class PooledDatabase(Base):
    """A pool of connections to one database, for any number of threads.

    Every call has one deadline, `timeout` seconds after it began, for waiting for a connection, opening it, and the
    answer. Requests are served in the order of their arrival. After a fork, the child's pool opens its own connections.

    `config` may be another pool, such as an AsyncPooledDatabase: this object then shares its connections, its queue and
    its options, and takes no others. To close one closes both.

    Where the configuration names several hosts, they are the servers of one database, a primary and its replicas, each
    with connections of its own, up to `max_size` for each. Calls go to the primary, whichever that is; `replica` and
    `on` have the others. Who waits when the primary is lost gets the next one, within the deadline. With
    target_session_attrs or load_balance_hosts in the configuration, libpq chooses one host instead.
    """

    _kind: type[Connection]

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
        check: Callable[[Connection], object] | None = None,
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
        open: bool = True,  # noqa: A002  (psycopg_pool has the name)
        row_factory: Callable[..., Any] = dict,
    ) -> None:
        arguments = locals()
        self._check = plain_function("check", arguments)
        self._kind = Connection if self._check is None else CheckedConnection
        super().__init__(*self._keep(arguments))
        close_at_exit(self)
        if open:
            self.open()

    @property
    def replica(self) -> PooledDatabase:
        """The same pool, whose calls go to a replica: `on("replica")`."""
        made: PooledDatabase = replica_of(self)
        return made

    def on(
        self,
        role: Role,
        *,
        max_lag: float | None = None,
        if_unfit: IfUnfit = "wait",
        patience: float = 0.0,
    ) -> PooledDatabase:
        """The same pool, whose calls go to a server of that role: `db.on("replica", max_lag=5).fetch_all(...)`.

        `role`: "primary", "replica", or "any", which is a replica or the primary. A replica refuses what writes
        (ReadOnlySqlTransaction). `max_lag`: how old its data may be, in seconds; None: as old as they are. `if_unfit`:
        where no replica is fit, "wait" for one until the deadline, or, after `patience` seconds, go to the "primary"
        or "fail" with PoolTimeout, which says what each host was last seen to be.

        The object that is returned is small, and keeps the pool open. It shares all of it: to close one closes both.
        InterfaceError for a replica where there is one host. Does not block. PoolClosed if the pool is not open.
        """
        made = PooledDatabase.__new__(PooledDatabase)
        _native.Pool.__init__(made, self, role, max_lag, if_unfit, patience)
        made._take_after(self)
        made._check, made._kind = self._check, self._kind
        return made

    def connection(self, timeout: float | Deadline | None = None, *, name: str | None = None) -> Connection:
        """A context manager that leases a connection when entered and gives it back when left.

        `timeout`: how long to wait for the connection, in seconds; None: the pool's `timeout`. Each call on it has a
        time of its own: `Connection.timeout`. `name`: what the pool calls the lease in `leases()` and in messages.
        """
        return named(self._kind(self, timeout, self._autocommit, self._row_factory), name)

    def try_connection(self, *, name: str | None = None) -> TryConnection:
        """Like `connection`, but leases one only if it is free at once: entered, it gives None otherwise.

        None is free when none is idle, when others wait for one, and while the pool is suspended. Never waits, and
        never makes the pool open a connection. PoolClosed once the pool is closed. `name`: as of `connection`.
        """
        return TryConnection(named(self._kind(self, None, self._autocommit, self._row_factory), name))

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
    ) -> PoolTransaction:
        """Like `connection`, with a transaction: leaving normally commits it, an exception rolls it back.

        `timeout`: of the whole block, in seconds: the wait for a connection, each statement, and the COMMIT end by it.

        `isolation`, `readonly`, `deferrable`, `settings` (as by SET LOCAL) and `role` (as by SET LOCAL ROLE) hold until
        the transaction ends, and cost no further round trip. What the server refuses of them is the error of the first
        statement. `resolve_commit`: if COMMIT's answer is lost, find out what became of the transaction; None: as the
        pool's `resolve_commits` says. InterfaceError for True in a pool where that is False. `name`: as of
        `connection`.
        """
        options = options_of(isolation, readonly, deferrable, settings, role, resolve_commit)
        return PoolTransaction(self.connection(timeout, name=name), options, self._inside)

    def run(
        self,
        fn: Callable[[Connection], T],
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
            raise TypeError(f"fn = {fn!r}: it must be a function")
        if inspect.iscoroutinefunction(fn):
            raise TypeError(f"fn = {fn!r}: it must not be a coroutine function; AsyncPooledDatabase runs those")
        options = options_of(isolation, readonly, deferrable, settings, role, resolve_commit)
        self._inside.refuse(this_thread())
        tries = Attempts(self, attempts, self._timeout if timeout is None else timeout)
        while True:
            try:
                with PoolTransaction(self.connection(tries.deadline), options, self._inside) as connection:
                    return fn(connection)
            except Exception as error:
                pause_s = tries.pause_after(error)
                if pause_s is None:
                    raise
            time.sleep(pause_s)

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
    ) -> Callable[[Callable[Concatenate[Connection, P], T]], Callable[P, T]]:
        """A decorator: the function is called as by `run`, with the connection in front of its arguments."""

        def decorate(fn: Callable[Concatenate[Connection, P], T]) -> Callable[P, T]:
            @functools.wraps(fn)
            def call(*args: P.args, **keywords: P.kwargs) -> T:
                return self.run(
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

    def open(self) -> None:
        """Opens the pool, if it is not open, without waiting for connections. PoolClosed after `close`."""
        self._open()

    @overload
    def execute(
        self, sql: Query, params: Params | None = None, *, row: None = None, timeout: float | Deadline | None = None
    ) -> list[Row]: ...
    @overload
    def execute(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> list[dict[str, Any]]: ...
    @overload
    def execute(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> list[T]: ...
    @shortcut(_native.Pool._execute)
    def execute(
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
        of the first that returns any. Blocks for up to `timeout` seconds, by default the pool's, and then raises
        PoolTimeout or QueryTimeout. An error of the server undoes the statement.
        """
        return self._execute(sql, params, row, timeout)

    fetch_all = execute
    """Another name for `execute`, which goes with `fetch_one` and `fetch_val`."""

    @overload
    def fetch_one(
        self, sql: Query, params: Params | None = None, *, row: None = None, timeout: float | Deadline | None = None
    ) -> Row | None: ...
    @overload
    def fetch_one(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> dict[str, Any] | None: ...
    @overload
    def fetch_one(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> T | None: ...
    @shortcut(_native.Pool._fetch_one)
    def fetch_one(
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
        return self._fetch_one(sql, params, row, timeout)

    @shortcut(_native.Pool._fetch_val)
    def fetch_val(self, sql: Query, params: Params | None = None, *, timeout: float | Deadline | None = None) -> Any:
        """Returns the first column of the first row, or None. ProgrammingError for a row without columns."""
        return self._fetch_val(sql, params, timeout)

    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: None = None,
        timeout: float | Deadline | None = None,
    ) -> PoolStream[Row]: ...
    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: type[dict[str, Any]],
        timeout: float | Deadline | None = None,
    ) -> PoolStream[dict[str, Any]]: ...
    @overload
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: Callable[..., T],
        timeout: float | Deadline | None = None,
    ) -> PoolStream[T]: ...
    def stream(
        self,
        sql: Query,
        params: Params | None = None,
        *,
        size: int = 1000,
        row: Callable[..., Any] | None = None,
        timeout: float | Deadline | None = None,
    ) -> PoolStream[Any]:
        """A context manager: leases a connection and gives the rows of a statement, read in chunks of `size`.

        `with db.stream(sql) as rows: for row in rows`. The statement is a transaction of its own. To stop
        half-way costs nothing; the connection comes back as the block is left. `size`, `row`, `timeout`:
        as of `Connection.stream`; `timeout` also limits the wait for the connection.
        """
        connection = self._kind(self, timeout, True, self._row_factory)
        return PoolStream(connection, RowStream(connection, sql, params, size, timeout, row))

    def notify(self, channel: str, payload: str = "", *, timeout: float | Deadline | None = None) -> None:
        """Sends a notification to those who listen to the channel, at once.

        The server refuses a payload of 8,000 bytes and more, and a channel's name that is empty or longer than 63
        bytes.
        """
        self.execute(NOTIFY, [channel, payload], timeout=timeout)

    def listen(self, *channels: str, queue: int = 10_000, timeout: float | Deadline | None = None) -> Listener:
        """A context manager: listens to channels, and iterates over what NOTIFY sends to them.

        `with db.listen("jobs") as notes: for note in notes`. Entering it returns once the server has acknowledged
        that, so that a notification that is sent from then on is heard; `timeout` is for that (None: the pool's).
        `queue`: how many notifications it keeps; of more it drops the newest, and a Gap counts them.

        Raises InterfaceError for a name that is empty, longer than 63 bytes, or holds a NUL; PoolTimeout with the last
        connect error; ConfigurationError at once where nobody could ever listen, such as behind a pooler in transaction
        mode.
        """
        return Listener(self, channels, queue, timeout)

    def copy_in(
        self,
        table: str,
        rows: Iterable[Any] | SupportsRead,
        *,
        columns: Sequence[str] | None = None,
        format: Format | None = None,  # noqa: A002  (COPY has the name)
        header: bool = False,
        timeout: float | Deadline | None = None,
    ) -> int:
        """Copies rows, or data in COPY's own format, into a table: the fastest way in. Returns the number of rows.

        `table`: its name, `app.jobs` with a schema, quoted as it stands; a name with special characters is given in
        double quotes, as in SQL. Or a whole COPY ... FROM STDIN. `rows`: an iterable of sequences, or of dicts if
        `columns` are given; a file, or an iterable of bytes or str, in the `format` "text" (of a file: if none is
        given), "csv" (`header`: its first line is one) or "binary".

        The rows are one transaction: an error undoes all. An error of the server says which line and column it means
        (`error.diag.context`). `timeout`: of the whole call.
        """
        deadline = as_deadline(self._timeout if timeout is None else timeout)
        with self._one_call(deadline) as connection:
            return connection.copy_in(table, rows, columns=columns, format=format, header=header, timeout=deadline)

    def copy_out(
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
        file gets str. `format`: as of `copy_in`. `timeout`: of the whole call.
        """
        deadline = as_deadline(self._timeout if timeout is None else timeout)
        with self._one_call(deadline) as connection:
            return connection.copy_out(query_or_table, file, format=format, header=header, timeout=deadline)

    def resize(self, min_size: int, max_size: int | None = None) -> None:
        """Sets new bounds, also while connections are leased. Does not block."""
        self._resize(min_size, max_size)

    def check(self) -> None:
        """Tests all idle connections and replaces dead ones. Callers are served meanwhile.

        While the server can't be reached, this starts the next connect at once.
        """
        self._check_idle()

    def wait(self, timeout: float | Deadline = 30.0) -> None:
        """Waits until `min_size` connections are open. An error leaves the pool open.

        Raises PoolTimeout after `timeout` seconds, ConfigurationError at once for what cannot work (a wrong password).
        """
        self._wait(timeout)

    def drain(self) -> None:
        """Replaces every connection: idle ones now, leased ones as they come back. Does not block."""
        self._drain()

    def suspend(self) -> None:
        """Hands out no connections until `resume`: requests wait, up to their deadlines."""
        self._suspend()

    def resume(self) -> None:
        """Hands out connections again."""
        self._resume()

    def close(self, timeout: float | Deadline = 5.0) -> None:
        """Closes the pool: waiting callers get PoolClosed at once, leases are cut off after `timeout` s. Idempotent."""
        self._close(timeout)
        self._end_monitors()

    def __enter__(self: Self) -> Self:
        self.open()
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self.close()

    # For pools with `check`: the native pool calls them.

    def _look_up_types(self, types: list[int], timeout: float | Deadline | None) -> None:
        sql, parameters = self.types._question(types)
        self.types._answer(parameters, self._execute_plain(sql, parameters, timeout))

    def _checked_execute(self, sql: Query, params: Params | None, timeout: float | Deadline | None) -> Cursor:
        with self._one_call(timeout) as connection:
            return connection.execute(sql, params)

    def _checked_execute_many(
        self,
        sql: Query,
        params_seq: Iterable[Params],
        returning: bool | Callable[..., Any] | None,
        timeout: float | Deadline | None,
    ) -> Any:
        rows = begun(params_seq)
        if rows is None:
            return [] if returning else 0
        with self._one_call(timeout) as connection:
            return connection._execute_many(sql, rows, returning, None)

    def _checked_execute_all(
        self,
        statements: Iterable[Any],
        transaction: bool,
        row: Callable[..., Any] | None,
        timeout: float | Deadline | None,
    ) -> list[Any]:
        with self._one_call(timeout) as connection:
            return connection._execute_all(statements, transaction, row, None)

    def _one_call(self, timeout: float | Deadline | None) -> Connection:
        """A connection for one call, which is a transaction of its own and ends by `timeout`."""
        connection = self._kind(self, timeout, True, self._row_factory)
        connection._ends_by_timeout = True
        return connection
