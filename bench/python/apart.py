"""Keeps client and server on processors of their own, as if each had a machine of its own."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg


class NotPossible(RuntimeError):
    """Why client and server can't be kept apart."""


def _postmaster(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row
        stat = pathlib.Path(f"/proc/{row[0]}/stat")
        try:
            name, rest = stat.read_text().rsplit(")", 1)
        except OSError:
            raise NotPossible("the server runs elsewhere") from None
        if not name.endswith("(postgres"):
            raise NotPossible("the server runs elsewhere")
        return int(rest.split()[1])


@contextmanager
def apart(url: str) -> Iterator[None]:
    """What is started inside the block, and the server's processes of connections that are opened in it, each have half
    of the processors."""
    own = os.sched_getaffinity(0)
    cpus = sorted(own)
    if len(cpus) < 2:
        raise NotPossible("there is only one processor")
    postmaster = _postmaster(url)
    servers = os.sched_getaffinity(postmaster)
    try:
        os.sched_setaffinity(postmaster, cpus[len(cpus) // 2 :])
    except PermissionError:
        raise NotPossible("the server belongs to another user") from None
    try:
        os.sched_setaffinity(0, cpus[: len(cpus) // 2])
        yield
    finally:
        os.sched_setaffinity(0, own)
        os.sched_setaffinity(postmaster, servers)
