"""How a task of asyncio waits for the pool: in its own event loop, which has a reader.

A task awaits a native call. The reader's descriptor is readable when something has happened to calls of this loop, or
one of their sockets is ready: the native reader takes them further, and names those that are done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from . import _native


class Reader:
    """Of one event loop, which alone keeps it alive.

    Were it reachable from here, so would be the tasks of a loop that was closed with calls in flight, for ever.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.native = _native.LoopReader(loop)
        self.woken: deque[_native.Woken] = deque()
        loop.add_reader(self.native.fd, self.read)

    def read(self) -> None:
        """Lets the tasks go on whose calls are done: here and now, which costs less than a handle of the loop's."""
        woken = self.woken
        try:
            while True:
                while woken:
                    context, wakeup, call = woken.popleft()
                    context.run(wakeup, call)
                woken.extend(self.native.take())
                if not woken:
                    return
        except BaseException:  # Ctrl-C, say: the others go on none the less
            asyncio.get_running_loop().call_soon(self.read)
            raise


_native.set_reader_maker(Reader)


class Done:
    """What a call gives that has had its effect, whether it is awaited or not."""

    def __await__(self) -> Any:
        return iter(())
