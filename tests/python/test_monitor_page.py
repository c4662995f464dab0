"""The live page in a real browser: what a reader sees, on a screen and on a phone, light and dark."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import pycopg
from browser import PROGRAM, Browser
from conftest import eventually

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="there is no Chromium (apt-get install chromium-headless-shell)"
)

HOSTILE = "SELECT '<img src=x onerror=\"document.title=1\"><script>document.title=2</script>', pg_sleep(0.02)"
SIZES = {"screen": (1280, 900), "phone": (360, 780)}


@pytest.fixture
def browser(tmp_path: pathlib.Path) -> Iterator[Browser]:
    with Browser(tmp_path) as made:
        yield made


@pytest.fixture
def pictures(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where pictures of the page go: COPG_PICTURES, or a folder that goes away."""
    folder = pathlib.Path(os.environ.get("COPG_PICTURES", tmp_path))
    folder.mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def bad_day(server_url: str) -> Iterator[pycopg.PooledDatabase]:
    """A pool for `stage`."""
    with pycopg.PooledDatabase.from_url(
        server_url, name="orders", min_size=2, max_size=3, share=False, origin_skip=["contextlib"]
    ) as db:
        yield db


def stage(db: pycopg.PooledDatabase, stack: contextlib.ExitStack) -> None:
    """A lease that is held idle, one that is busy, callers that wait, slow texts, errors, and a lost connection."""
    for _ in range(300):
        db.execute("SELECT 1")
    db.execute(HOSTILE)
    db.execute("SELECT pg_sleep(0.03), 'a long text that goes on ' || %s", ["x" * 100])
    with pytest.raises(pycopg.Error):
        db.execute("SELECT missing_column FROM pg_class")
    with pytest.raises(pycopg.Error), db.connection() as lost:
        lost.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    held = stack.enter_context(db.connection(name="import"))
    held.execute("SELECT 1")
    busy = stack.enter_context(db.connection())
    stack.enter_context(db.connection())

    def until_the_end(execute: Callable[[str], object], sql: str) -> None:
        with contextlib.suppress(pycopg.Error):  # the pool is closed
            execute(sql)

    work = [("reports", busy.execute, "SELECT pg_sleep(60), 'a report'")]
    work += [(f"web-{number}", db.execute, "SELECT 'I wait'") for number in range(3)]
    for name, execute, sql in work:
        threading.Thread(target=until_the_end, args=(execute, sql), name=name).start()
    eventually(lambda: db.stats["requests_waiting"] == 3)


def test_the_page_shows_who_holds_what(server_url: str, browser: Browser, pictures: pathlib.Path) -> None:
    with (
        bad_day(server_url) as db,
        db.monitor(unhealthy_wait=0.5, program="shop") as monitor,
        contextlib.suppress(pycopg.PoolClosed),  # the leases end after their pool
        contextlib.ExitStack() as stack,
    ):
        stage(db, stack)
        browser.open(monitor.url)
        browser.wait_until("document.body.innerText.includes('held idle for')")
        browser.wait_until("document.querySelector('.reason') && !document.querySelector('.reason').hidden")
        text = browser.text()
        assert re.search(r"python/test_monitor_page.py:\d+ in stage for “import”", text)
        assert "thread 'web-0'" in text
        assert "'a report'" in text
        assert "3 of 3 connections are leased, and 3 wait for one" in text
        assert "SELECT 'I wait'" in text
        assert "missing_column" in text
        assert "terminating connection due to administrator command" in text
        # Texts are text.
        assert HOSTILE in browser.evaluate("document.body.textContent")
        assert browser.evaluate("document.title") == "✕ shop · copg"
        assert browser.evaluate("document.querySelectorAll('main img, main script').length") == 0
        assert browser.evaluate("document.querySelector('.strip').getAttribute('aria-label')").count("leased") >= 1
        browser.wait_until("document.querySelectorAll('.past .curve').length === 4")
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                browser.look_like(width, height, scheme)
                browser.wait_until(f"innerWidth === {width} && matchMedia('(prefers-color-scheme: {scheme})').matches")
                assert browser.evaluate("document.documentElement.scrollWidth") <= width, f"{size} scrolls sideways"
                browser.picture(pictures / f"{size}-{scheme}.png")
                assert (pictures / f"{size}-{scheme}.png").stat().st_size > 20_000
        assert browser.errors == [], "nothing is refused by the page's own policy"
        db.close(0)


def test_the_page_follows_what_happens(server_url: str, browser: Browser) -> None:
    with pycopg.PooledDatabase.from_url(server_url, name="orders") as db, pycopg.monitor(db) as monitor:
        browser.open(monitor.url)
        browser.wait_until("document.body.innerText.includes('✓ healthy')")
        browser.wait_until("document.body.innerText.includes('No connection is leased.')")
        with db.connection():
            browser.wait_until("document.querySelectorAll('.tables tbody tr').length === 1")
        db.suspend()
        browser.wait_until("document.querySelector('#news').textContent.includes('Pool orders: the pool is suspended')")
        db.resume()
        browser.wait_until("document.querySelector('#news').textContent.includes('healthy again')")
        # Paused, it stands still; then it catches up.
        browser.evaluate("document.querySelector('#pause').click()")
        with db.connection():
            seen = browser.evaluate("pools.values().next().value.points.length")
            browser.wait_until(f"pools.values().next().value.points.length > {seen}")
            assert browser.evaluate("document.querySelectorAll('.tables tbody tr').length") == 0
            browser.evaluate("document.querySelector('#pause').click()")
            browser.wait_until("document.querySelectorAll('.tables tbody tr').length === 1")
        db.close()
        browser.wait_until("document.body.innerText.includes('✕ closed')")
        monitor.close()
        browser.wait_until("document.querySelector('#link').textContent.includes('no answer')")


def test_the_page_with_a_token(server_url: str, browser: Browser) -> None:
    token = "0123456789abcdef"
    with pycopg.PooledDatabase.from_url(server_url, name="orders") as db, db.monitor(token=token) as monitor:
        browser.open(monitor.url)
        browser.wait_until("document.body.innerText.includes('a token is needed')")
        browser.open(f"{monitor.url}?token={token}")
        browser.wait_until("document.body.innerText.includes('✓ healthy')")
        assert browser.evaluate("location.href") == monitor.url, "the token is not in the address"
        assert browser.evaluate("document.cookie") == "", "scripts can't read it"


def named_nodes(browser: Browser) -> list[tuple[str, str]]:
    nodes: list[Any] = browser.call("Accessibility.getFullAXTree")["nodes"]
    return [(it["role"]["value"], it.get("name", {}).get("value", "")) for it in nodes if not it.get("ignored")]


def test_the_page_for_a_screen_reader_and_the_keyboard(server_url: str, browser: Browser) -> None:
    with (
        pycopg.PooledDatabase.from_url(server_url, name="orders") as db,
        db.monitor(program="shop") as monitor,
        db.connection(),
    ):
        browser.open(monitor.url)
        browser.wait_until("document.querySelectorAll('.tables tbody tr').length === 1")
        nodes = named_nodes(browser)
        roles = [role for role, _ in nodes]
        for role in ("banner", "main", "contentinfo", "table", "columnheader"):
            assert role in roles, role
        assert ("region", "orders") in nodes
        assert any(role == "image" and name.startswith("Wait for a connection: ") for role, name in nodes), nodes
        assert any(role == "image" and "leased" in name for role, name in nodes)
        assert ("button", "Pause") in nodes
        assert browser.evaluate("document.querySelectorAll('[aria-live]').length") == 1
        for kind in ("rawKeyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        assert browser.evaluate("document.activeElement.id") == "pause"
