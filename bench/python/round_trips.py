"""Counts the round trips of each kind of call of one contender, on the wire."""

from __future__ import annotations

import asyncio
import pathlib
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from psycopg.conninfo import conninfo_to_dict

import counting_proxy
from statements import many_rows

# psycopg prepares a statement when it has run five times, asyncpg at once.
WARM_UP = 7
# The least of a few: on a busy machine a client that gets no processor looks like one that waits.
COUNTS = 3
ROWS = many_rows()
# Name in the results, method, its arguments.
CALLS: list[tuple[str, str, tuple[Any, ...]]] = [
    ("select", "select", (1,)),
    ("execute", "execute", (1,)),
    ("fetch_one", "fetch_one", (1,)),
    ("fetch_val", "fetch_val", (1,)),
    ("lease", "lease", (1,)),
    ("lease_and_select", "lease_and_select", (1,)),
    ("fetch_rows", "fetch_rows", ()),
    ("insert_100_rows", "insert_rows", (ROWS[:100],)),
    ("insert_rows", "insert_rows", (ROWS,)),
]


@contextmanager
def through_proxy(url: str) -> Iterator[tuple[str, counting_proxy.CountingProxy]]:
    known = conninfo_to_dict(url)
    host, port = str(known.get("host") or "localhost"), int(known.get("port") or 5432)
    quote = urllib.parse.quote
    who = quote(str(known.get("user") or ""), safe="")
    if known.get("password"):
        who += ":" + quote(str(known["password"]), safe="")
    with tempfile.TemporaryDirectory(prefix="copg-proxy-") as folder:
        database = quote(str(known.get("dbname") or ""), safe="")
        proxied = f"postgresql://{who}@/{database}?host={quote(folder, safe='')}&port={counting_proxy.PORT}"
        with counting_proxy.CountingProxy(pathlib.Path(folder), host, port) as proxy:
            yield proxied, proxy


def _count(client: Any, proxy: counting_proxy.CountingProxy, finish: Callable[[Any], object]) -> dict[str, int]:
    """`finish` is given what a call returns: a coroutine has not begun then."""
    found = {}
    for name, method, arguments in CALLS:
        call = getattr(client, method, None)
        if call is None:
            continue
        for _ in range(WARM_UP):
            finish(call(*arguments))
        found[name] = min(_count_once(proxy, lambda: finish(call(*arguments))) for _ in range(COUNTS))  # noqa: B023
    return found


def _count_once(proxy: counting_proxy.CountingProxy, call: Callable[[], object]) -> int:
    proxy.wait_for_silence()
    before = proxy.trips
    call()
    proxy.wait_for_silence()
    return proxy.trips - before


def of_threads(client_class: Any, url: str) -> dict[str, int]:
    with through_proxy(url) as (proxied, proxy):
        client = client_class(proxied, 1)
        found = _count(client, proxy, lambda result: result)
        client.close()
    return found


def of_tasks(client_class: Any, url: str) -> dict[str, int]:
    with through_proxy(url) as (proxied, proxy), closing(asyncio.new_event_loop()) as loop:
        client = client_class(proxied, 1)
        loop.run_until_complete(client.open())
        found = _count(client, proxy, loop.run_until_complete)
        loop.run_until_complete(client.close())
    return found
