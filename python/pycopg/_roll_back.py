"""How a block of a transaction is left to be rolled back, without an error of its own."""

from __future__ import annotations


class RollBack(Exception):
    """Raised at the end of the block, and suppressed around it."""
