"""The blocks of Python in our own pages, executed in their order."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pycopg
from test_reference import PAGE, ROOT, blocks, run


@pytest.fixture
def signals_as_they_were() -> Iterator[None]:
    """A page may show how to handle SIGTERM. Children that other tests fork must end by it."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("signals_as_they_were")
@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        ROOT / "README.md",
        ROOT / "docs/reference/types.md",
        ROOT / "docs/reference/events.md",
        ROOT / "docs/opentelemetry.md",
        ROOT / "docs/explanation/transactions.md",
        ROOT / "docs/explanation/deadlines.md",
        ROOT / "docs/migrating.md",
        ROOT / "docs/copy.md",
        ROOT / "docs/notifications.md",
        ROOT / "docs/pipelines.md",
        ROOT / "docs/large-results.md",
        ROOT / "docs/who-holds-what.md",
        ROOT / "docs/metrics.md",
        ROOT / "docs/sqlalchemy.md",
        # test_howto.py has gunicorn; pages without Python are Beast's and that of poolers.
        *(page for page in sorted((ROOT / "docs/howto").glob("[!g]*.md")) if "```python" in page.read_text()),
        ROOT / "docs/psycopg-pool.md",
    ],
    ids=lambda it: it.name,
)
def test_every_block_does_what_it_says(
    page: Any, users: pycopg.PooledDatabase, make_pool: Callable[..., pycopg.PooledDatabase]
) -> None:
    scope: dict[str, Any] = {"__name__": "__main__", "db": make_pool()}  # which a page may replace
    found = blocks(page)
    assert found
    for _, code in found:
        run(code, scope)
    scope["db"].close()


def test_a_lease_across_yield_lasts_as_long_as_the_response_and_one_in_the_route_does_not(users: Any) -> None:
    scope: dict[str, Any] = {"PooledDatabase": pycopg.PooledDatabase, "AsyncPooledDatabase": pycopg.AsyncPooledDatabase}
    for at, code in blocks(PAGE):
        if at == "Web services":
            run(code, scope)
    app = scope["app"]

    async def leased_while_sending(method: str, path: str, query: bytes = b"") -> tuple[Any, int]:
        leased = []
        body = b""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal body
            body += message.get("body", b"")
            leased.append(app.state.db.stats["pool_size"] - app.state.db.stats["pool_available"])

        http = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "headers": []}
        await app({**http, "method": method, "path": path, "raw_path": path, "query_string": query}, receive, send)
        return json.loads(body), max(leased)

    async def ask() -> None:
        async with app.router.lifespan_context(app):
            assert await leased_while_sending("GET", "/held/1") == ({"name": "Ada"}, 1)
            assert await leased_while_sending("GET", "/users/1") == ({"name": "Ada"}, 0)
            assert await leased_while_sending("PUT", "/users/1", b"name=Eve") == ({"users": 2}, 0)
            assert await leased_while_sending("GET", "/users/1") == ({"name": "Eve"}, 0)

    asyncio.run(ask())


def test_the_figures_of_the_readme_are_those_of_the_chart() -> None:
    _, _, section = (ROOT / "README.md").read_text().partition("\n## Three figures\n")
    figures = re.findall(r"\d+,\d{3}", section.partition("\n## ")[0])
    chart = re.findall(r">([\d,]+)<", (ROOT / "docs/benchmarks/python.svg").read_text())
    assert len(figures) == 10
    assert set(figures) <= set(chart)


def test_the_table_of_options_is_that_of_the_constructor() -> None:
    _, _, section = PAGE.read_text().partition("\n## Options\n")
    table = dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", section, re.MULTILINE))
    parameters = inspect.signature(pycopg.PooledDatabase).parameters
    of_async = dict(inspect.signature(pycopg.AsyncPooledDatabase).parameters)
    assert set(parameters) - set(of_async) == {"open"}
    assert all(parameters[name].default == parameter.default for name, parameter in of_async.items())
    shown = {None: "none", (): "none", "": "the database's", dict: "`dict`", True: "`True`", False: "`False`"}
    options = {
        name: f'`"{parameter.default}"`'
        if isinstance(parameter.default, str) and parameter.default
        else shown.get(parameter.default, str(parameter.default))
        for name, parameter in parameters.items()
        if name != "config"
    }
    options["max_waiting"] = "0"  # which Python takes for False
    options["min_idle"] = "0"
    options["max_result_bytes"] = "0"
    options["credentials_ttl"] = "0.0"
    assert table == options
