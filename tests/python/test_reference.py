"""Every snippet of the reference document, as it stands there; our own page where that is not to be had."""

from __future__ import annotations

import ast
import asyncio
import atexit
import inspect
import logging
import pathlib
import re
import types
from typing import Any

import httpx
import pytest

import pycopg

ROOT = pathlib.Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference" / "connection-pooling.md"
PAGE = ROOT / "docs" / "python.md"
BLOCK = re.compile(r"^(#+ [^\n]*)$|^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: pathlib.Path) -> list[tuple[str, str]]:
    """(heading, code) of each block of Python."""
    heading, found = "", []
    for match in BLOCK.finditer(page.read_text()):
        if match[1]:
            heading = match[1].lstrip("# ")
        else:
            found.append((heading, match[2]))
    return found


class ServiceUnavailableError(Exception):
    pass


def run(code: str, scope: dict[str, Any]) -> dict[str, Any]:
    """Executes the code; in an event loop of its own, if it awaits anything at its top."""
    compiled = compile(code, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if compiled.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(compiled, scope))
    else:
        exec(compiled, scope)
    return scope


def snippet(heading: str) -> str:
    if not REFERENCE.exists():
        pytest.skip("the reference document is not here; test_page.py covers the same ground")
    found = [code for at, code in blocks(REFERENCE) if at == heading]
    assert len(found) == 1, heading
    return found[0]


@pytest.fixture
def scope(users: pycopg.PooledDatabase) -> dict[str, Any]:
    return {"db": users, "logger": logging.getLogger("app"), "ServiceUnavailable": ServiceUnavailableError}


def test_creating_a_pool_and_using_it(scope: dict[str, Any]) -> None:
    result = run(snippet("Sync Pool: PooledDatabase"), scope)
    assert [user["name"] for user in result["users"]] == ["Ada", "Grace"]
    assert result["users"][0] == {"id": 1, "name": "Ada", "active": True}
    assert result["count"] == 2
    with pytest.raises(pycopg.PoolClosed):
        result["db"].execute("SELECT 1")


def test_context_manager(scope: dict[str, Any]) -> None:
    result = run(snippet("Context Manager"), scope)
    assert len(result["users"]) == 2
    with pytest.raises(pycopg.PoolClosed):
        result["db"].execute("SELECT 1")


def test_pool_statistics(scope: dict[str, Any]) -> None:
    code = snippet("Pool Statistics")
    result = run(code, scope)
    shown = re.findall(r"^#     '(\w+)'", code, re.MULTILINE)
    assert len(shown) == 6
    assert set(shown) <= set(result["stats"])


def test_dynamic_resizing(scope: dict[str, Any]) -> None:
    run(snippet("Dynamic Resizing"), scope)
    assert scope["db"].stats["pool_min"] == 10
    assert scope["db"].stats["pool_max"] == 50
    assert scope["db"].stats["pool_size"] >= 10


def test_size_your_pool_appropriately(scope: dict[str, Any]) -> None:
    result = run(snippet("1. Size Your Pool Appropriately"), {"PooledDatabase": pycopg.PooledDatabase})
    assert result["db"].stats["pool_max"] == 40
    result["db"].close()


def test_use_connection_context_managers(scope: dict[str, Any]) -> None:
    result = run(snippet("2. Use Connection Context Managers"), scope)
    assert result["conn"].closed
    assert len(result["result"].fetchall()) == 2


def test_handle_pool_exhaustion(scope: dict[str, Any], make_pool: Any) -> None:
    code = snippet("3. Handle Pool Exhaustion")
    run(code, scope)
    scope["db"] = make_pool(max_size=1, timeout=0.05)
    with scope["db"].connection(timeout=10), pytest.raises(ServiceUnavailableError) as raised:
        run(code, scope)
    assert isinstance(raised.value.__context__, pycopg.PoolTimeout)


def test_monitor_pool_health(scope: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    result = run(snippet("4. Monitor Pool Health"), scope)
    with caplog.at_level(logging.INFO):
        result["log_pool_stats"](scope["db"])
    assert re.search(r"Pool: \d+/4 available=\d+ waiting=0", caplog.text)


def test_flask_integration(users: pycopg.PooledDatabase) -> None:
    module = types.ModuleType("flask_app")
    run(snippet("Flask Integration"), module.__dict__)
    response = module.app.test_client().get("/users")
    assert response.status_code == 200
    assert [user["name"] for user in response.json["users"]] == ["Ada", "Grace"]
    assert module.pool.stats["pool_max"] == 20
    atexit.unregister(module.pool.close)
    module.pool.close()


def test_the_async_pool(scope: dict[str, Any], users: pycopg.PooledDatabase) -> None:
    result = run(snippet("Async Pool: AsyncPooledDatabase"), scope)
    assert [user["name"] for user in result["users"]] == ["Ada", "Grace"]
    assert result["user"] == {"id": 1, "name": "Ada", "active": True}
    assert result["count"] == 2
    assert users.fetch_one("SELECT count FROM stats") == {"count": 1}
    assert users.fetch_val("SELECT count(*) FROM users") == 3
    with pytest.raises(pycopg.PoolClosed):
        run("await db.execute('SELECT 1')", result)


def test_async_context_manager(scope: dict[str, Any]) -> None:
    scope["AsyncPooledDatabase"] = pycopg.AsyncPooledDatabase
    result = run(snippet("Async Context Manager"), scope)
    assert len(result["users"]) == 2


def test_fastapi_integration(users: pycopg.PooledDatabase) -> None:
    module = types.ModuleType("fastapi_app")
    run(snippet("FastAPI Integration"), module.__dict__)

    async def ask() -> None:
        transport = httpx.ASGITransport(app=module.app)
        lifespan = module.app.router.lifespan_context(module.app)
        async with lifespan, httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            response = await client.get("/users")
            assert response.status_code == 200
            assert [user["name"] for user in response.json()] == ["Ada", "Grace"]
            assert (await client.get("/users/2")).json() == {"id": 2, "name": "Grace", "active": True}
            assert (await client.get("/users/9")).json() is None
            assert module.db.stats["pool_max"] == 20

    asyncio.run(ask())
    assert module.db.stats["pool_size"] == 0


def test_no_snippet_is_forgotten() -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference document is not here")
    tested = set(re.findall(r'snippet\("([^"]+)"\)', pathlib.Path(__file__).read_text()))
    assert {at for at, _ in blocks(REFERENCE)} == tested
