"""A moment by which work must be done."""

from __future__ import annotations

from . import _native


class Deadline(_native.Deadline):
    """A moment, `seconds` from now. Whatever takes a `timeout` takes it in place of seconds.

    A request's own may be handed down from call to call unchanged, also to other threads and tasks. Seconds are at
    least 0; infinity means no limit.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)

    def left(self) -> float:
        """Returns the seconds that are left: 0.0 once it has passed, infinity without a limit."""
        return self._left()

    def __repr__(self) -> str:
        return f"<pycopg.Deadline {self.left():.3g} s from now>"


def as_deadline(timeout: float | Deadline) -> Deadline:
    """Seconds count from now."""
    return timeout if isinstance(timeout, Deadline) else Deadline(timeout)
