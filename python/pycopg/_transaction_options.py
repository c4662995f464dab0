"""The keywords of `transaction`, made into what the native connections take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Union

from . import _native

if TYPE_CHECKING:
    from typing import Literal

    Isolation = Literal["read uncommitted", "read committed", "repeatable read", "serializable"]

Settings = Mapping[str, Union[str, int, float]]


def options_of(
    isolation: Isolation | None,
    readonly: bool,
    deferrable: bool,
    settings: Settings | None,
    role: str | None,
    resolve_commit: bool | None,
) -> _native.TransactionOptions | None:
    """Returns None if nothing is asked for. TypeError or ValueError names an argument that is wrong."""
    if (
        isolation is None
        and readonly is False
        and deferrable is False
        and settings is None
        and role is None
        and resolve_commit is None
    ):
        return None
    return _native.TransactionOptions(isolation, readonly, deferrable, settings, role, resolve_commit)
