"""Listening to notifications (NOTIFY): what `db.listen()` returns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, NamedTuple, Union

from . import _native
from ._copying import LEASE, Refusal, uncopied
from .deadline import Deadline, as_deadline

if TYPE_CHECKING:
    from ._native_types import Raised, RaisedType, Traceback


class Notification(NamedTuple):
    """What NOTIFY, or `notify`, has sent."""

    channel: str
    payload: str
    pid: int
    """Of the server's process that sent it."""


class Gap(NamedTuple):
    """Here notifications are missing, or may be: look for what they would have told."""

    dropped: int
    """Notifications that came while the listener's queue was full. They stood here, and are gone."""
    reconnected: bool
    """The connection was lost and replaced: nobody knows what was sent meanwhile. What is sent from now on is heard."""


Arrival = Union[Notification, Gap]

NOTIFY = "SELECT pg_catalog.pg_notify(%s, %s)"


class Listener(_native.BlockingListener):
    """What `db.listen()` returns: an iterator over what comes. It listens from entering the `with` block to its end.

    All listeners of a pool share one connection, which is none of its `max_size`. If that is lost, the pool connects
    again, as often as that takes, and listens again; then each listener gets a Gap. A listener whose queue is full gets
    a Gap that counts what was dropped. Nothing is lost without a Gap in its place.

    Iterating waits without end: PoolClosed ends it when the pool is closed, and `close()`, also from another thread,
    ends it quietly. One thread at a time waits for a listener: InterfaceError for another. In a forked child every call
    but `close` raises InterfaceError.
    """

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(
        self, pool: _native.AnyPool, channels: tuple[str, ...], queue: int, timeout: float | Deadline | None
    ) -> None:
        super().__init__(channels, queue)
        self._pool = pool
        self._timeout = timeout

    def __enter__(self) -> Listener:
        self._start(self._pool, self._timeout)
        return self

    def __exit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._close()

    def __iter__(self) -> Listener:
        return self

    def __next__(self) -> Arrival:
        arrival: Arrival | None = None if self._closed else self._next(None)
        if arrival is None:
            raise StopIteration
        return arrival

    def next(self, timeout: float | Deadline | None = None) -> Arrival | None:
        """Returns what comes next. None: nothing has come within `timeout`, or another thread has closed the listener.

        `timeout` None: waits without end. 0: looks whether something is there.
        """
        arrival: Arrival | None = self._next(timeout)
        return arrival

    def within(self, timeout: float | Deadline) -> Iterator[Arrival]:
        """Iterates over what comes until `timeout` is over, which counts from here."""
        deadline = as_deadline(timeout)
        return iter(lambda: self._next(deadline), None)

    def add(self, *channels: str, timeout: float | Deadline | None = None) -> None:
        """Listens to further channels. Returns once the server has acknowledged that, within `timeout`.

        Raises what `db.listen` raises; then none of them is added.
        """
        self._add(channels, timeout)

    def remove(self, *channels: str) -> None:
        """Gives nothing more of these channels, but what is in the queue already. Does not block."""
        self._remove(channels)

    @property
    def channels(self) -> list[str]:
        """The channels it listens to; none once it is closed."""
        return self._channels

    def close(self) -> None:
        """Stops listening. Never blocks. Any other call raises InterfaceError then."""
        self._close()


class AsyncListener(_native.LoopListener):
    """What `db.listen()` returns: an asynchronous iterator over what comes; see Listener.

    It listens from entering the `async with` block to its end. One task at a time waits for it. A task that is
    cancelled while it waits loses nothing.
    """

    __reduce_ex__: Refusal = uncopied(LEASE)

    def __init__(
        self, pool: _native.AnyPool, channels: tuple[str, ...], queue: int, timeout: float | Deadline | None
    ) -> None:
        super().__init__(channels, queue)
        self._pool = pool
        self._timeout = timeout

    async def __aenter__(self) -> AsyncListener:
        try:
            await self._start(self._pool, self._timeout)
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(self, error_type: RaisedType, error: Raised, traceback: Traceback) -> None:
        self._close()

    def __aiter__(self) -> AsyncListener:
        return self

    async def __anext__(self) -> Arrival:
        arrival: Arrival | None = None
        if not self._closed:
            arrival = self._take()
            if arrival is None:
                arrival = await self._next(None)
        if arrival is None:
            raise StopAsyncIteration
        return arrival

    async def next(self, timeout: float | Deadline | None = None) -> Arrival | None:
        """Returns what comes next. None: nothing has come within `timeout`, or another task has closed the listener.

        `timeout` None: waits without end. 0: looks whether something is there.
        """
        arrival: Arrival | None = await self._next(timeout)
        return arrival

    async def within(self, timeout: float | Deadline) -> AsyncIterator[Arrival]:
        """Iterates over what comes until `timeout` is over, which counts from the first step."""
        deadline = as_deadline(timeout)
        while (arrival := await self.next(deadline)) is not None:
            yield arrival

    async def add(self, *channels: str, timeout: float | Deadline | None = None) -> None:
        """Listens to further channels. Returns once the server has acknowledged that, within `timeout`.

        Raises what `db.listen` raises; then none of them is added.
        """
        await self._add(channels, timeout)

    def remove(self, *channels: str) -> None:
        """Gives nothing more of these channels, but what is in the queue already. Does not block."""
        self._remove(channels)

    @property
    def channels(self) -> list[str]:
        """The channels it listens to; none once it is closed."""
        return self._channels

    async def close(self) -> None:
        """Stops listening. Any other call raises InterfaceError then."""
        self._close()


_native.set_arrival_classes(Notification, Gap)
