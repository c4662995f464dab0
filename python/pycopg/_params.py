"""What a statement is given and what a row of its result is, for type checkers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

Params = Union[Sequence[Any], Mapping[str, Any]]
Row = Any
"""A dict by the names of the columns, or a tuple: what `row_factory` says."""
