"""Who holds the connections of a pool, and who waits for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

    LeaseStatus = Literal["idle", "active", "in_transaction", "failed", "lost"]


@dataclass(frozen=True)
class _Taken:
    file: str
    """The place in the program that asked for the connection; "?" if it is not known."""
    line: int
    """0 if it is not known."""
    function: str
    holder: str
    """The caller: "thread 'worker' (ident 4711)" or "task 'import'"."""
    statement: str
    """The text without parameters, its first 200 bytes; empty if there is none, and for a pipeline."""

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class LeaseInfo(_Taken):
    """A lease, as it was at one moment. Times are in seconds.

    A statement of the pool's own verbs, such as `db.execute`, is a lease for as long as it runs. Statements of several
    callers that travel together are one lease, that of the caller who drives them.
    """

    connection: int
    """The number of the connection in the pool, from 1, as in its events."""
    backend_pid: int
    """The server's process, as in pg_stat_activity."""
    age: float
    """Since the connection was granted."""
    idle: float
    """Since the last call on it ended, or since it was granted; 0 while a call is under way."""
    running: float | None
    """For how long the present call has been under way; None if there is none."""
    travelling: int
    """Statements that travel on it together and are not answered; 0 if it is no run."""
    status: LeaseStatus
    """`idle`; `active`: a call is under way, a stream or COPY is open, or a statement was abandoned;
    `in_transaction`; `failed`: an open transaction has failed; `lost`: the connection was lost, or cut off."""
    name: str | None
    """What the program calls the lease: `db.connection(name=)`."""


@dataclass(frozen=True)
class WaiterInfo(_Taken):
    """A caller that waits for a connection, as it was at one moment. Times are in seconds.

    A statement that travels with others waits for its answer, and stands in no queue: `LeaseInfo.travelling` counts it.
    """

    position: int
    """In the queue: 1 is the first."""
    waited: float
    """Since the call began to wait."""
    remaining: float | None
    """Until its deadline, at least 0; None: it waits for as long as it takes."""
