"""Classes with a native base and a second one. nanobind 2, the newest for Python 3.9, takes a single base."""

from __future__ import annotations


def mixed(mixin: type, native: type) -> type:
    """Returns a class that derives from `native` and has the members of `mixin`."""
    members = {name: member for name, member in vars(mixin).items() if name not in ("__dict__", "__weakref__")}
    made: type = type(native)(mixin.__name__, (native,), members)
    return made
