# What python/native offers to the package. Kept by hand; tests/python/test_typing.py compares it with the module.
from collections.abc import Iterable
from types import TracebackType
from typing import Any, TypeVar
from weakref import ref

from .cursor import Params, Row

_Connection = TypeVar("_Connection", bound=Connection)

__version__: str

def set_package_folder(folder: str, /) -> None: ...
def remember_main_thread(ident: int, /) -> None: ...
def end_calls(patience_s: float, /) -> None: ...

class Config:
    host: str
    port: int
    database: str
    user: str
    password: str
    sslmode: str
    options: dict[str, str]
    statement_timeout_ms: int | None
    def __init__(self) -> None: ...
    @staticmethod
    def from_env(dotenv: str | None, load_dotenv_file: bool) -> Config: ...
    @staticmethod
    def from_url(url: str, /) -> Config: ...
    def validate(self) -> None: ...
    def dsn(self) -> str: ...

class Rows:
    def __len__(self) -> int: ...
    @property
    def has_columns(self) -> bool: ...
    @property
    def row_count(self) -> int: ...
    @property
    def status(self) -> str | None: ...
    @property
    def columns(self) -> list[tuple[str, int, int, int]]: ...
    def fetch(self, begin: int, end: int, dicts: bool, /) -> list[Row]: ...

class Pool:
    def __init__(
        self, config: Config, weak_self: ref[Any], options: dict[str, Any], dict_rows: bool, checked: bool, /
    ) -> None: ...
    def open(self) -> None:
        """Opens the pool, unless it is open; returns without waiting. PoolClosed after close."""

    def execute(self, sql: str, params: Params | None = None) -> list[Row]:
        """Executes one statement on any connection, in a transaction of its own: one round trip.

        The rows; [] when the statement returns none. Without parameters several statements are allowed, in one
        transaction; the rows are those of the first that returns any.
        """

    def fetch_one(self, sql: str, params: Params | None = None) -> Row | None:
        """The first row, or None. ProgrammingError if the statement returns no rows by its nature."""

    def fetch_val(self, sql: str, params: Params | None = None) -> Any:
        """The first column of the first row, or None. ProgrammingError as `fetch_one`."""

    def execute_many(self, sql: str, params_seq: Iterable[Params]) -> int:
        """Executes the statement for each row of parameters: one transaction, all or nothing; rows affected in all.

        Takes any iterable, bit by bit. An error names the row and undoes everything.
        """

    @property
    def stats(self) -> dict[str, Any]:
        """One snapshot. Times are in milliseconds, sums over the life of the pool."""

    def resize(self, min_size: int, max_size: int | None = None) -> None:
        """New bounds, also while connections are leased. Does not block."""

    def check(self) -> None:
        """Tests all idle connections and replaces dead ones. Callers go on being served."""

    def wait(self, timeout: float = 30.0) -> None:
        """Waits until `min_size` connections are open; PoolTimeout after `timeout` seconds leaves the pool open."""

    def drain(self) -> None:
        """Replaces every connection: idle ones now, leased ones as they come back. Does not block."""

    def suspend(self) -> None:
        """Hands out no connection until `resume`: requests wait, up to their deadlines."""

    def resume(self) -> None: ...
    def close(self, timeout: float = 5.0) -> None:
        """Waiting callers get PoolClosed at once; leases get `timeout` seconds, then are cut off. Idempotent."""

    def _repr(self, class_name: str, /) -> str: ...

class Connection:
    def __init__(self, pool: Pool, timeout: float | None, autocommit: bool) -> None: ...
    def __enter__(self: _Connection) -> _Connection: ...
    def __exit__(
        self,
        type: type[BaseException] | None,  # noqa: A002
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def commit(self) -> None:
        """One round trip; none without an open transaction."""

    def rollback(self) -> None:
        """One round trip; none without an open transaction."""
    autocommit: bool
    """Each statement its own transaction. Can't be changed inside one."""
    @property
    def closed(self) -> bool:
        """Not leased: not yet, or not any more."""

    def _lease(self) -> None: ...
    def _lease_another(self, timeout_s: float, /) -> None: ...
    def _give_back(self) -> None: ...
    def _discard(self) -> None: ...
    def _execute(self, sql: str, params: Params | None) -> Rows: ...
    def _execute_many(self, sql: str, params_seq: Iterable[Params], /) -> int: ...
    def _begin(self) -> int: ...
    def _end(self, depth: int, commit: bool, /) -> None: ...
    @property
    def _backend_pid(self) -> int: ...
    @property
    def _server_version(self) -> int: ...
    @property
    def _transaction_status(self) -> int: ...
    def _parameter_status(self, name: str, /) -> str: ...
