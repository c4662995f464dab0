"""Tells the program's observers, and the log, what happens in pools.

The native module queues events. A daemon thread of Python's takes them in their order and calls the hooks, so that one
may block or raise: nothing of the pools waits for it. The thread ends when it has had nothing to do for a while. Only
the statement hooks are called at once, by the thread or task that makes the call, so that its context is at hand.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from . import _native, events
from ._exit import is_ending

logger = logging.getLogger("pycopg")

EVENTS: dict[str, Callable[[Iterable[Any]], Any]] = {
    "acquired": events.Acquired._make,
    "acquire_failed": events.AcquireFailed._make,
    "slow_acquire": events.SlowAcquire._make,
    "released": events.Released._make,
    "leaked": events.Leaked._make,
    "held_idle": events.HeldIdle._make,
    "opened": events.Opened._make,
    "open_failed": events.OpenFailed._make,
    "outage_began": events.OutageBegan._make,
    "outage_ended": events.OutageEnded._make,
    "closed": events.Closed._make,
    "reset": events.Reset._make,
    "noticed": events.Noticed._make,
    "gap": events.Gap._make,
    "warned": events.Warned._make,
    "slow_statement": events.SlowStatement._make,
}
STATEMENT_HOOKS = ("statement_began", "statement_ended")
LEVELS = {"debug": logging.DEBUG, "warning": logging.WARNING}
IDLE_S = 0.5

WeakPool = weakref.ref[Any]


class Hooks:
    """The hooks of a pool's observers, by name: those that the observers have."""

    def __init__(self, observer: object) -> None:
        self.failed: set[tuple[int, str]] = set()
        self.set(tuple(observer) if isinstance(observer, (list, tuple)) else (observer,))

    def set(self, observers: tuple[object, ...]) -> None:
        """Others may read what there is meanwhile."""
        by_name: dict[str, list[Callable[..., Any]]] = {}
        statements: list[tuple[Any, Any]] = []
        observers = tuple(one for one in observers if one is not None)
        for one in observers:
            found = {name: hook for name in (*EVENTS, *STATEMENT_HOOKS) if callable(hook := getattr(one, name, None))}
            if not found:
                hooks = ", ".join((*EVENTS, *STATEMENT_HOOKS))
                raise TypeError(f"observer = {one!r}: it has none of the hooks: {hooks}")
            for name in EVENTS:
                if name in found:
                    by_name.setdefault(name, []).append(found[name])
            began, ended = (found.get(name) for name in STATEMENT_HOOKS)
            if began or ended:
                statements.append((began, ended))
        self.observers, self.by_name, self.statements = observers, by_name, statements

    @property
    def names(self) -> list[str]:
        return [*self.by_name, *(STATEMENT_HOOKS if self.statements else ())]

    def call(self, hook: Callable[..., Any], *args: Any) -> Any:
        """Reports what a hook raises the first time, through sys.unraisablehook."""
        try:
            return hook(*args)
        except BaseException as error:
            key = (id(getattr(hook, "__self__", hook)), getattr(hook, "__name__", ""))
            if key not in self.failed:
                self.failed.add(key)
                _native.report_unraisable(error, hook)
            return None


def in_detail() -> bool:
    """Whether the log wants what is below a warning. Asked once, when a pool is made."""
    return logger.isEnabledFor(logging.DEBUG)


def serve() -> None:
    """There is something to tell, and no thread that does."""
    try:
        threading.Thread(target=_serve, name="pycopg-events", daemon=True).start()
    except RuntimeError:  # the process can't start another thread, so this one has to tell it
        if not is_ending():
            _serve(0.0)


def _serve(idle_s: float = IDLE_S) -> None:
    while (taken := _native.take_events(idle_s)) is not None:
        happened, dropped = taken
        if dropped:
            logger.warning("%d events of pools were dropped: an observer is slower than what it is told of", dropped)
        for weak_pool, hook, fields in happened:
            try:
                if hook == "log":
                    _log(*fields)
                elif (pool := weak_pool()) is not None:
                    _tell(pool._hooks, hook, fields)
            except BaseException as error:  # of a handler of the log
                _native.report_unraisable(error, hook)
        pool = None


def _tell(hooks: Hooks, name: str, fields: tuple[Any, ...]) -> None:
    event = EVENTS[name](fields)
    for hook in hooks.by_name.get(name, ()):
        hooks.call(hook, event)


def _log(pool: str, connection: int, backend_pid: int, level: str, event: str, text: str, duration: float) -> None:
    # While the program ends, connects fail for reasons that are no outage: another pool may be closed already.
    if event == "outage_began" and is_ending():
        return
    extra = {
        "pool": pool,
        "connection": connection,
        "backend_pid": backend_pid,
        "event": event,
        "duration": duration,
    }
    logger.log(LEVELS[level], "%s", text, extra=extra)


def statement_began(
    weak_pool: WeakPool, fields: tuple[Any, ...], types: tuple[int, ...]
) -> list[tuple[Any, Any]] | None:
    pool = weak_pool()
    if pool is None:
        return None
    hooks: Hooks = pool._hooks
    event = events.StatementBegan._make((*fields, types))
    return [(ended, None if began is None else hooks.call(began, event)) for began, ended in hooks.statements]


def statement_ended(weak_pool: WeakPool, fields: tuple[Any, ...], begun: list[tuple[Any, Any]] | None) -> None:
    pool = weak_pool()
    if pool is None or begun is None:
        return
    hooks: Hooks = pool._hooks
    event = events.StatementEnded._make(fields)
    for ended, span in begun:
        if ended is not None:
            hooks.call(ended, event, span)
