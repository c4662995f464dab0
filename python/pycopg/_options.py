"""The options of a pool, as the C++ side takes them."""

from __future__ import annotations

from typing import Any

_RESET = {"tracked": 0, "full": 1, "rollback": 2}
_PREPARE = {"auto": True, "off": False}


def native_options(
    *, min_size: int, max_size: int | None, reset: str, prepare: str, **as_they_are: object
) -> dict[str, Any]:
    return {
        "min_size": min_size,
        "max_size": min_size if max_size is None else max_size,
        "reset": _choice("reset", reset, _RESET),
        "prepare": _choice("prepare", prepare, _PREPARE),
        **as_they_are,
    }


def _choice(option: str, value: str, choices: dict[str, Any]) -> Any:
    if value not in choices:
        raise ValueError(f"{option} = {value!r}: it must be one of {', '.join(map(repr, choices))}")
    return choices[value]
