"""How many system calls a process makes, all its threads together, counted by the kernel (perf_event_open)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import pathlib
import platform
import struct
from types import TracebackType

_NUMBERS = {"x86_64": 298, "aarch64": 241}  # of perf_event_open, which glibc has no function for
_TRACING = (pathlib.Path("/sys/kernel/tracing"), pathlib.Path("/sys/kernel/debug/tracing"))
# struct perf_event_attr in its first version: a tracepoint; disabled at first, also counting threads that are started.
_ATTRIBUTES = struct.Struct("@IIQQQQQIIQ")
_TRACEPOINT, _DISABLED, _INHERIT = 2, 1, 2
_ENABLE, _DISABLE = 0x2400, 0x2401
_CLOSE_ON_EXEC = 8


class SystemCalls:
    """Of a process, and of the threads that it starts from now on. OSError where that may not be counted."""

    def __init__(self, pid: int) -> None:
        attributes = _ATTRIBUTES.pack(
            _TRACEPOINT, _ATTRIBUTES.size, _tracepoint(), 0, 0, 0, _DISABLED | _INHERIT, 0, 0, 0
        )
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.syscall(
            _NUMBERS.get(platform.machine(), -1), attributes, pid, -1, -1, ctypes.c_ulong(_CLOSE_ON_EXEC)
        )
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def __enter__(self) -> SystemCalls:
        fcntl.ioctl(self._descriptor, _ENABLE, 0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        fcntl.ioctl(self._descriptor, _DISABLE, 0)

    @property
    def number(self) -> int:
        """In all the blocks that were entered."""
        return int.from_bytes(os.read(self._descriptor, 8), "little")

    def close(self) -> None:
        os.close(self._descriptor)


def of(pids: list[int]) -> list[SystemCalls]:
    """A counter for each; none where they may not be counted."""
    try:
        return [SystemCalls(pid) for pid in pids]
    except OSError:
        return []


def _tracepoint() -> int:
    for folder in _TRACING:
        path = folder / "events/raw_syscalls/sys_enter/id"
        if path.exists():
            return int(path.read_text())
    raise OSError("tracefs is not mounted, or may not be read")
