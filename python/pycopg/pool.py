"""The pool for threads."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from . import _native
from ._callbacks import plain_function
from ._copying import LEASE, POOL, uncopied
from ._exit import close_at_exit
from ._options import native_options
from .config import Config, native_config
from .connection import CheckedConnection, Connection, Transaction
from .cursor import begun, check_row_factory

if TYPE_CHECKING:
    from .cursor import Params

Self = TypeVar("Self", bound="PooledDatabase")


class PooledDatabase(_native.Pool):
    """A pool of connections to one database, to be used from any number of threads.

    Every call has one deadline, `timeout` seconds after it began, over waiting for a connection, opening it, and the
    answer. Requests are served in the order of their arrival. After a fork the child's pool is as new.
    """

    __reduce_ex__ = uncopied(POOL)
    _told_of_listen = False

    def __init__(
        self,
        config: Config,
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
        reset: str = "tracked",
        prepare: str = "auto",
        share: bool = True,
        leak_after: float | None = None,
        credentials: Callable[[], Any] | None = None,
        autocommit: bool = False,
        open: bool = True,  # noqa: A002  (psycopg_pool has the name)
        row_factory: type = dict,
    ) -> None:
        self.config = config
        self._reconnect_failed = plain_function("reconnect_failed", reconnect_failed)
        self._check = plain_function("check", check)
        self._configure = plain_function("configure", configure)
        self._credentials = plain_function("credentials", credentials)
        self._timeout = timeout
        self._autocommit = autocommit
        self._row_factory = check_row_factory(row_factory)
        options = native_options(
            min_size=min_size,
            max_size=max_size,
            max_idle=max_idle,
            max_lifetime=max_lifetime,
            timeout=timeout,
            num_workers=num_workers,
            reconnect_timeout=reconnect_timeout,
            name=name,
            max_waiting=max_waiting,
            connect_timeout=connect_timeout,
            min_idle=min_idle,
            reset=reset,
            prepare=prepare,
            share=share,
            leak_after=leak_after,
            tell_reconnect_failed=reconnect_failed is not None,
            call_configure=configure is not None,
            ask_credentials=credentials is not None,
        )
        super().__init__(native_config(config), weakref.ref(self), options, row_factory is dict, check is not None)
        close_at_exit(self)
        if open:
            self.open()

    @classmethod
    def from_env(
        cls: type[Self],
        dotenv_path: str | os.PathLike[str] | None = None,
        min_size: int = 2,
        max_size: int | None = 10,
        **kwargs: Any,
    ) -> Self:
        """With `Config.from_env`."""
        return cls(Config.from_env(dotenv_path), min_size, max_size, **kwargs)

    @classmethod
    def from_url(cls: type[Self], url: str, min_size: int = 2, max_size: int | None = 10, **kwargs: Any) -> Self:
        """With `Config.from_url`."""
        return cls(Config.from_url(url), min_size, max_size, **kwargs)

    def connection(self, timeout: float | None = None) -> Connection:
        """A connection as a context manager: leased when entered, given back when left.

        `timeout`: seconds to wait for it; the pool's if not given.
        """
        kind = Connection if self._check is None else CheckedConnection
        return kind(self, timeout, self._autocommit, self._row_factory)

    def transaction(self, timeout: float | None = None) -> PoolTransaction:
        """A connection in a transaction as a context manager: committed when left normally, else rolled back."""
        return PoolTransaction(self.connection(timeout))

    def __enter__(self: Self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return self._repr(type(self).__name__)

    # With `check`: the native calls come back here.

    def _lease_checked(self, connection: Connection, timeout: float) -> None:
        """Leases a connection that the user's check accepts; what it refuses is closed, and another one tried."""
        assert self._check is not None
        deadline = time.monotonic() + timeout
        connection._lease()
        # Every connection of the pool may be bad, but not every new one: then the check itself is at fault.
        attempts_left: int = self.stats["pool_max"] + 1
        while True:
            try:
                self._check(connection)
                connection.rollback()
            except Exception:
                attempts_left -= 1
                time_left = deadline - time.monotonic()
                if attempts_left == 0 or time_left <= 0:
                    connection.close()
                    raise
                connection._lease_another(time_left)
            except BaseException:
                connection.close()
                raise
            else:
                return

    def _checked_execute(self, sql: str, params: Params | None) -> _native.Rows:
        with CheckedConnection(self, None, True, self._row_factory) as connection:
            return connection._execute(sql, params)

    def _checked_execute_many(self, sql: str, params_seq: Iterable[Params]) -> int:
        rows = begun(params_seq)
        if rows is None:
            return 0
        with CheckedConnection(self, None, True, self._row_factory) as connection:
            return connection._execute_many(sql, rows)


class PoolTransaction:
    """What `db.transaction()` returns. Entering gives the connection."""

    __reduce_ex__ = uncopied(LEASE)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._transaction = Transaction(connection)

    def __enter__(self) -> Connection:
        self._connection.__enter__()
        try:
            self._transaction.__enter__()
        except BaseException:
            self._connection._give_back()
            raise
        return self._connection

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            # With an exception the connection is given back as it is: the rollback needs no round trip of ours.
            if error is None and not self._connection.closed:
                self._transaction.__exit__(None, None, None)
        finally:
            self._connection._give_back()
