"""The page that shows pools live: `db.monitor()`, and `pycopg.monitor()` for several pools."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from typing import TYPE_CHECKING, TypeVar

from . import _native

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

Self = TypeVar("Self", bound="Monitor")

_open: set[Monitor] = set()  # which live although nobody else keeps them


class Monitor:
    """An HTTP server, on a thread of its own, that shows pools: `db.monitor()` and `pycopg.monitor()` make it.

    It answers also while Python's code holds the GIL. It lives until `close`, the end of its `with` block, or the end
    of the program. It does not keep its pools open: a closed one is shown as closed, and one that is gone no longer.
    Thread-safe. A forked child has no monitor: there the object does nothing.
    """

    def __init__(
        self,
        *,
        port: int | None = 0,
        address: str = "127.0.0.1",
        token: str = "",
        show_texts: bool = True,
        unix_socket: bool = True,
        program: str | None = None,
        held_idle_after: float = 1.0,
        unhealthy_wait: float = 5.0,
    ) -> None:
        """Starts to listen: see `pycopg.monitor`, which adds pools."""
        if port is not None and (not isinstance(port, int) or not 0 <= port <= 65535):
            raise ValueError(f"port = {port!r}: it must be a number from 0 to 65535, or None")
        if program is None:
            program = os.path.basename(sys.argv[0]) if sys.argv else ""
        self._native = _native.Monitor(
            port, address, token, show_texts, unix_socket, program, float(held_idle_after), float(unhealthy_wait)
        )
        self._ends_with: weakref.finalize[..., object] | None = None  # a pool
        _open.add(self)

    def add(self, *pools: _native.AnyPool) -> None:
        """Shows these pools, too, of either class. Twice the same is once. PoolClosed for one that is not open."""
        for pool in pools:
            self._native.add(pool)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:8080/`, without the token; empty if it listens on no port."""
        return self._native.url

    @property
    def port(self) -> int:
        """The port that it listens on; 0 if it listens on none."""
        return self._native.port

    @property
    def socket_path(self) -> str:
        """The file of its Unix socket; empty if there is none."""
        return self._native.socket_path

    def close(self) -> None:
        """Ends it. Takes no longer than one answer, so that it may be called in an event loop. Idempotent."""
        _open.discard(self)
        if self._ends_with is not None:
            self._ends_with.detach()
        self._native.close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Monitor({self.url or self.socket_path!r})"

    def _is_open(self) -> bool:
        return self in _open

    def _end_with(self, pool: _native.AnyPool) -> None:
        self._ends_with = weakref.finalize(pool, self.close)
        self._ends_with.atexit = False  # _close_all comes first


def monitor(
    *pools: _native.AnyPool,
    port: int | None = 0,
    address: str = "127.0.0.1",
    token: str = "",
    show_texts: bool = True,
    unix_socket: bool = True,
    program: str | None = None,
    held_idle_after: float = 1.0,
    unhealthy_wait: float = 5.0,
) -> Monitor:
    """Shows pools on one page, at `http://address:port/`, and as JSON, to Prometheus and to health checks.

    `port`: 0 takes any that is free; None: only the Unix socket. Any `address` but those of loopback needs a `token`,
    at least 16 letters, digits, or any of - . _ ~; without one the page is for this machine alone. `show_texts=False`
    leaves the texts of statements out. `unix_socket`: whether it also listens where `copg top` finds it. `program`:
    what the page calls the program, by default the script's name. `held_idle_after`: a lease on which nothing has run
    for so many seconds is marked. `unhealthy_wait`: a pool whose connections are all leased is not healthy once a
    caller has waited for so many seconds.

    ConfigurationError if it can't be so, or the port is in use; PoolClosed for a pool that is not open.
    """
    made = Monitor(
        port=port,
        address=address,
        token=token,
        show_texts=show_texts,
        unix_socket=unix_socket,
        program=program,
        held_idle_after=held_idle_after,
        unhealthy_wait=unhealthy_wait,
    )
    try:
        made.add(*pools)
    except BaseException:
        made.close()
        raise
    return made


def close_all(monitors: Iterable[Monitor]) -> None:
    for one in list(monitors):
        one.close()


atexit.register(close_all, _open)
