"""What happens in a pool, as its observers are told of it: a named tuple for each event.

An observer is any object with methods of these names, `observer=` of a pool takes one or a list of several. Times are
in seconds. `connection` is the connection's number in the pool, counted from 1, and `backend_pid` the server's process;
both are 0 where an event is of no connection.
"""

from __future__ import annotations

from typing import NamedTuple


class Acquired(NamedTuple):
    """`acquired`: a connection was leased. `wait`: 0 when one was idle."""

    pool: str
    connection: int
    backend_pid: int
    wait: float


class AcquireFailed(NamedTuple):
    """`acquire_failed`: a request ended without a connection. `kind`: pool_timeout, pool_closed, ..."""

    pool: str
    connection: int
    backend_pid: int
    wait: float
    kind: str


class SlowAcquire(NamedTuple):
    """`slow_acquire`: a request waited longer than the option `slow_acquire`. `holder`: who waited, and where."""

    pool: str
    connection: int
    backend_pid: int
    wait: float
    holder: str


class Released(NamedTuple):
    """`released`: a lease ended, after `usage`."""

    pool: str
    connection: int
    backend_pid: int
    usage: float


class Leaked(NamedTuple):
    """`leaked`: a lease has lasted longer than the option `leak_after`. Once for each. `holder`: who took it, where."""

    pool: str
    connection: int
    backend_pid: int
    age: float
    holder: str


class HeldIdle(NamedTuple):
    """`held_idle`: nothing has run on a lease for the option `held_idle_after`. Once until something runs on it."""

    pool: str
    connection: int
    backend_pid: int
    idle: float
    holder: str


class Opened(NamedTuple):
    """`opened`: a connection was opened. `connect_time` is the sum of the other three."""

    pool: str
    connection: int
    backend_pid: int
    connect_time: float
    credentials: float
    connect: float
    configure: float


class Warned(NamedTuple):
    """`warned`: the pool can't have as many connections as `max_size` says, as `text` explains. At most once.

    What the server, the role or the database allows, less what others have, is fewer. Found out with the first
    connection; never behind a pooler.
    """

    pool: str
    connection: int
    backend_pid: int
    text: str


class OpenFailed(NamedTuple):
    """`open_failed`: a connect failed. `sqlstate`: None if the error is not the server's."""

    pool: str
    connection: int
    backend_pid: int
    error: str
    sqlstate: str | None


class OutageBegan(NamedTuple):
    """`outage_began`: connecting began to fail. Once for each outage. `error` names the pool and the server."""

    pool: str
    connection: int
    backend_pid: int
    error: str
    sqlstate: str | None


class OutageEnded(NamedTuple):
    """`outage_ended`: a connect succeeded again, `duration` after the first of `failures` that failed."""

    pool: str
    connection: int
    backend_pid: int
    duration: float
    failures: int


class Closed(NamedTuple):
    """`closed`: an open connection was closed. `text`: the server's last message; empty for a healthy connection.

    `reason`: idle, lifetime, surplus, discarded, broken, demoted, stale_epoch, drained, detached, pool_closed.
    """

    pool: str
    connection: int
    backend_pid: int
    reason: str
    text: str
    age: float


class Reset(NamedTuple):
    """`reset`: a reset in the background has ended, with success or without."""

    pool: str
    connection: int
    backend_pid: int
    reset_time: float


class Noticed(NamedTuple):
    """`noticed`: the server has said something beside its answer: RAISE NOTICE, a warning."""

    pool: str
    connection: int
    backend_pid: int
    severity: str
    sqlstate: str
    message: str
    detail: str
    hint: str
    context: str


class Gap(NamedTuple):
    """`gap`: a listener to `channels` begins to miss notifications.

    `reconnected`: its connection was replaced; else its queue is full.
    """

    pool: str
    connection: int
    backend_pid: int
    reconnected: bool
    channels: tuple[str, ...]


class StatementBegan(NamedTuple):
    """`statement_began`: a call begins, which has no connection yet unless that was leased before.

    `verb`: execute, execute_many, execute_all, pipeline, stream, copy, commit, rollback. `text`: as it is sent, with
    $1 for a parameter. `types`: the numbers of the parameters' types, 0 where the server chooses, of `execute` and
    `stream`.
    """

    pool: str
    connection: int
    backend_pid: int
    verb: str
    text: str
    statements: int
    types: tuple[int, ...]


class StatementEnded(NamedTuple):
    """`statement_ended`: the call has ended. Exactly one for each StatementBegan.

    `wait`: until it had a connection; `took`: from then to its end. `shared`: it travelled with others. `abandoned`:
    its caller gave it up. `kind`, `sqlstate`, `error`: of the error; None after success.
    """

    pool: str
    connection: int
    backend_pid: int
    verb: str
    text: str
    statements: int
    wait: float
    took: float
    rows: int
    shared: bool
    abandoned: bool
    kind: str | None
    error: str | None
    sqlstate: str | None


class SlowStatement(NamedTuple):
    """`slow_statement`: a statement took longer than the option `slow_statement`, with success or without.

    `text` is on one line and cut, without parameters; `where` the line of the program that took the connection.
    """

    pool: str
    connection: int
    backend_pid: int
    text: str
    where: str
    wait: float
    took: float
    rows: int
    error: str | None
    sqlstate: str | None
