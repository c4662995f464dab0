"""How a task of asyncio waits for the pool: in its own event loop, for its port.

The port is the way into one event loop: a descriptor that is readable when something has happened to calls of this
loop, or one of their sockets is ready. Calls are told by their tokens.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

from . import _native

DONE = 0


class Port:
    """Of one event loop, which alone keeps it alive, as the reader of its descriptor.

    Were it reachable from here, so would be the tasks of a loop that was closed with calls in flight, for ever.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.native = _native.LoopPort()
        self.futures: dict[int, asyncio.Future[int]] = {}
        loop.add_reader(self.native.fd, self._deliver)

    def _deliver(self) -> None:
        for token, ready in self.native.take():
            future = self.futures.get(token)
            if future is not None and not future.done():
                future.set_result(ready)


_ports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Port]] = weakref.WeakKeyDictionary()


def port_of(loop: asyncio.AbstractEventLoop) -> Port:
    known = _ports.get(loop)
    port = None if known is None else known()
    if port is None:
        port = Port(loop)
        _ports[loop] = weakref.ref(port)
    return port


async def drive(call: _native.LoopCall) -> Any:
    """Waits for the call's end, and gives its result. Whatever happens here, the call lets go of everything."""
    loop = asyncio.get_running_loop()
    port = port_of(loop)
    token = call.token
    try:
        progress = call.start(port.native)
        while progress != DONE:
            future = port.futures[token] = loop.create_future()
            progress = call.go_on(await future)
        return call.result()
    finally:
        port.futures.pop(token, None)
        call.end()


class Done:
    """What a call gives that has had its effect, whether it is awaited or not."""

    def __await__(self) -> Any:
        return iter(())
