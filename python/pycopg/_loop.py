"""How a task of asyncio waits for the pool: it awaits a native call, and its event loop has a reader for such calls.

The reader's descriptor is readable when the pool has news for a call of this loop, or a call's socket is ready. The
native reader then advances these calls and returns those that are done.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from . import _native


class Reader:
    """The reader of one event loop, which alone keeps it alive.

    A reference from this module would keep the tasks of a loop that was closed with calls in flight alive for ever.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.native = _native.LoopReader(loop)
        self.woken: deque[_native.Woken] = deque()
        loop.add_reader(self.native.fd, self.read)

    def read(self) -> None:
        """Resumes the tasks whose calls are done, right here, which costs less than `call_soon`."""
        woken = self.woken
        try:
            while True:
                while woken:
                    context, wakeup, call = woken.popleft()
                    context.run(wakeup, call)
                woken.extend(self.native.take())
                if not woken:
                    return
        except BaseException:  # such as Ctrl-C: the other tasks must be resumed all the same
            asyncio.get_running_loop().call_soon(self.read)
            raise


_native.set_reader_maker(Reader)


class Done:
    """The result of a call that took effect when it was made; awaiting it does nothing."""

    def __await__(self) -> Any:
        return iter(())
