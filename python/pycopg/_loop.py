"""How a task of asyncio waits for the pool: in its own event loop, for the socket of its connection or for the port.

The port is the way from the pool's thread into one event loop: a descriptor that is readable when something has
happened to calls of this loop, which are told by their tokens.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

from . import _native

DONE = 0
PORT = 1
READ, WRITE = 1, 2


class Port:
    """Of one event loop, which alone keeps it alive, as the reader of its descriptor.

    Were it reachable from here, so would be the tasks of a loop that was closed with calls in flight, for ever.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.native = _native.LoopPort()
        self.futures: dict[int, asyncio.Future[int]] = {}
        loop.add_reader(self.native.fd, self._deliver)

    def _deliver(self) -> None:
        for token in self.native.take():
            future = self.futures.get(token)
            if future is not None:
                wake(future, 0)


_ports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Port]] = weakref.WeakKeyDictionary()


def port_of(loop: asyncio.AbstractEventLoop) -> Port:
    known = _ports.get(loop)
    port = None if known is None else known()
    if port is None:
        port = Port(loop)
        _ports[loop] = weakref.ref(port)
    return port


def wake(future: asyncio.Future[int], ready: int) -> None:
    if not future.done():
        future.set_result(ready)


async def drive(call: _native.LoopCall) -> Any:
    """Waits for the call's end, and gives its result. Whatever happens here, the call lets go of everything."""
    loop = asyncio.get_running_loop()
    port = port_of(loop)
    token = call.token
    try:
        progress = call.start(port.native)
        while progress != DONE:
            future = port.futures[token] = loop.create_future()
            ready = await future if progress == PORT else await until_ready(loop, call, future)
            progress = call.go_on(ready)
        return call.result()
    finally:
        port.futures.pop(token, None)
        call.end()


async def until_ready(loop: asyncio.AbstractEventLoop, call: _native.LoopCall, future: asyncio.Future[int]) -> int:
    """What the call's descriptor is ready for; 0 when the port had news of the call first."""
    # The descriptor may be another one after the next step: it is with the loop no longer than for one wait.
    fd, events = call.fd, call.events
    if events & READ:
        loop.add_reader(fd, wake, future, READ)
    if events & WRITE:
        loop.add_writer(fd, wake, future, WRITE)
    try:
        return await future
    finally:
        if not loop.is_closed():
            if events & READ:
                loop.remove_reader(fd)
            if events & WRITE:
                loop.remove_writer(fd)


class Done:
    """What a call gives that has had its effect, whether it is awaited or not."""

    def __await__(self) -> Any:
        return iter(())
