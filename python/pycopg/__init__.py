"""PostgreSQL connection pools, written in C++.

with PooledDatabase.from_env(min_size=5, max_size=20) as db:
    users = db.execute("SELECT * FROM users WHERE active = %s", [True])
"""

from __future__ import annotations

import os
import threading

from . import _native
from . import errors as errors
from . import rows as rows
from . import sql as sql
from ._copy import AsyncCopy, Copy
from ._holdings import LeaseInfo, WaiterInfo
from ._info import ConnectionInfo
from ._monitor import Monitor, monitor
from ._native_types import TransactionStatus
from ._other_distribution import warn_of_another_distribution
from ._pipeline import Answer as Answer
from ._prometheus import PROMETHEUS_CONTENT_TYPE, prometheus
from .async_connection import AsyncConnection, AsyncCursor
from .async_pool import AsyncPooledDatabase
from .async_transaction import AsyncTransaction
from .config import Config
from .connect import connect
from .connection import Connection, Cursor
from .cursor import Column, Notice
from .deadline import Deadline
from .errors import (
    CommitUnknown,
    ConfigurationError,
    DatabaseError,
    DataError,
    Diagnostic,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    PoolClosed,
    PoolDeadlock,
    PoolTimeout,
    ProgrammingError,
    QueryTimeout,
    TooManyRequests,
    Warning,  # noqa: A004  (PEP 249 wants the name)
)
from .listener import AsyncListener, Gap, Listener, Notification
from .metrics import Histogram, PoolMetrics, SizeAdvice
from .pool import PooledDatabase
from .server_cursor import AsyncServerCursor, ServerCursor
from .stream import AsyncRowStream, RowStream
from .transaction import Transaction
from .types import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Json,
    Jsonb,
    Range,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)

__version__ = _native.__version__

# PEP 249
apilevel = "2.0"
threadsafety = 2
paramstyle = "pyformat"

_folder = os.path.dirname(os.path.abspath(__file__))
_native.set_package_folder(os.path.join(_folder, ""))
warn_of_another_distribution(os.path.dirname(_folder))
_native.set_cursor_classes(Cursor, AsyncCursor)
_native.remember_main_thread(threading.main_thread().ident or 0)
os.register_at_fork(after_in_child=lambda: _native.remember_main_thread(threading.get_ident()))
os.register_at_fork(after_in_child=_native.forget_other_threads)

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "PROMETHEUS_CONTENT_TYPE",
    "ROWID",
    "STRING",
    "Answer",
    "AsyncConnection",
    "AsyncCopy",
    "AsyncCursor",
    "AsyncListener",
    "AsyncPooledDatabase",
    "AsyncRowStream",
    "AsyncServerCursor",
    "AsyncTransaction",
    "Binary",
    "Column",
    "CommitUnknown",
    "Config",
    "ConfigurationError",
    "Connection",
    "ConnectionInfo",
    "Copy",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Deadline",
    "Diagnostic",
    "Error",
    "Gap",
    "Histogram",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "Json",
    "Jsonb",
    "LeaseInfo",
    "Listener",
    "Monitor",
    "NotSupportedError",
    "Notice",
    "Notification",
    "OperationalError",
    "PoolClosed",
    "PoolDeadlock",
    "PoolMetrics",
    "PoolTimeout",
    "PooledDatabase",
    "ProgrammingError",
    "QueryTimeout",
    "Range",
    "RowStream",
    "ServerCursor",
    "SizeAdvice",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "TooManyRequests",
    "Transaction",
    "TransactionStatus",
    "WaiterInfo",
    "Warning",
    "apilevel",
    "connect",
    "monitor",
    "paramstyle",
    "prometheus",
    "threadsafety",
]
