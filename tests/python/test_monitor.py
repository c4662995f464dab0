"""What shows pools live: from threads and asyncio, while the GIL is held, at the end of programs and in forks."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

import pycopg
from conftest import eventually, eventually_async

TOKEN = "0123456789abcdef"


def ask(url: str, path: str = "stats.json") -> str:
    with urllib.request.urlopen(url + path, timeout=20) as answer:
        return answer.read().decode()


def document(monitor: pycopg.Monitor) -> Any:
    return json.loads(ask(monitor.url))


def test_a_pool_shows_its_leases_with_their_places(server_url: str) -> None:
    with pycopg.PooledDatabase.from_url(server_url, name="orders") as db, db.monitor() as monitor:
        assert monitor.url == f"http://127.0.0.1:{monitor.port}/"
        with db.connection(name="import") as conn:
            conn.execute("SELECT 1")
            (pool,) = document(monitor)["pools"]
            assert pool["name"] == "orders"
            (lease,) = pool["leases"]
            assert lease["name"] == "import"
            assert lease["transaction"] == "open"
            assert "test_monitor.py:" in lease["place"]
            assert lease["place"].endswith(" in test_a_pool_shows_its_leases_with_their_places")
            assert "thread 'MainThread'" in lease["holder"]


def test_the_page_is_named_after_the_script(server_url: str) -> None:
    with pycopg.PooledDatabase.from_url(server_url) as db:
        with db.monitor() as monitor:
            assert document(monitor)["process"]["program"] == os.path.basename(sys.argv[0])
            assert document(monitor)["process"]["pid"] == os.getpid()
        with db.monitor(program="orders service") as monitor:
            assert document(monitor)["process"]["program"] == "orders service"


def test_it_answers_while_a_thread_holds_the_gil(server_url: str) -> None:
    """Another process asks, while one call of C holds the GIL here for as long as there is no answer."""
    code = f"""
import ctypes, json, os, pycopg
db = pycopg.PooledDatabase.from_url({server_url!r}, name="held")
monitor = db.monitor()
print(monitor.url, flush=True)
libc = ctypes.PyDLL(None)                # calls without letting go of the GIL
with db.connection() as conn:
    byte = ctypes.create_string_buffer(1)
    libc.read(0, byte, 1)                # until the other process has had its answer
print("over", flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as held:
        assert held.stdin is not None
        assert held.stdout is not None
        monitor_url = held.stdout.readline().strip()
        eventually(lambda: json.loads(ask(monitor_url))["pools"][0]["leases_total"] == 1)
        assert ask(monitor_url, "health") == "ok\n"
        held.stdin.write("x")
        held.stdin.flush()
        assert held.stdout.readline() == "over\n"
        assert held.wait(20) == 0


def test_asyncio_shows_tasks(server_url: str) -> None:
    async def main() -> None:
        async with pycopg.AsyncPooledDatabase.from_url(server_url, min_size=1, max_size=1) as db:
            with db.monitor() as monitor:
                async with db.connection():
                    waiting = asyncio.create_task(db.execute("SELECT 'waits'"), name="second")
                    await eventually_async(lambda: db.stats["requests_waiting"])
                    told = await asyncio.get_running_loop().run_in_executor(None, document, monitor)
                    (pool,) = told["pools"]
                    assert "task" in pool["leases"][0]["holder"]
                    assert pool["waiting"][0]["holder"] == "task 'second'"
                    assert pool["waiting"][0]["statement"] == "SELECT 'waits'"
                await waiting
            port = monitor.port
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port))

    asyncio.run(main())


def test_a_monitor_ends_with_its_pool_and_may_be_forgotten(server_url: str) -> None:
    db = pycopg.PooledDatabase.from_url(server_url)
    address = db.monitor().url
    gc.collect()
    assert ask(address, "health") == "ok\n"
    db.close()
    with pytest.raises(urllib.error.URLError):
        ask(address)


def test_a_monitor_ends_with_a_pool_that_is_collected(server_url: str) -> None:
    address = pycopg.PooledDatabase.from_url(server_url).monitor().url
    gc.collect()
    with pytest.raises(urllib.error.URLError):
        ask(address)


def test_several_pools_on_one_page(server_url: str) -> None:
    async def main() -> None:
        async with pycopg.AsyncPooledDatabase.from_url(server_url, name="second") as second:
            with pycopg.PooledDatabase.from_url(server_url, name="first") as first:
                monitor = pycopg.monitor(first, second, first)
                told = await asyncio.get_running_loop().run_in_executor(None, document, monitor)
                assert [pool["name"] for pool in told["pools"]] == ["first", "second"]
            told = await asyncio.get_running_loop().run_in_executor(None, document, monitor)
            assert [pool["state"] for pool in told["pools"]] == ["closed", "open"]
            del first
            gc.collect()
            told = await asyncio.get_running_loop().run_in_executor(None, document, monitor)
            assert [pool["name"] for pool in told["pools"]] == ["second"]
            monitor.close()
            monitor.close()

    asyncio.run(main())


def test_errors_are_clear(server_url: str) -> None:
    with pycopg.PooledDatabase.from_url(server_url) as db, db.monitor() as monitor:
        with pytest.raises(pycopg.ConfigurationError, match="Address already in use"):
            db.monitor(monitor.port)
        with pytest.raises(pycopg.ConfigurationError, match="give the monitor a token"):
            db.monitor(address="0.0.0.0")
        with pytest.raises(pycopg.ConfigurationError, match="at least 16 characters"):
            db.monitor(token="secret")
        with pytest.raises(ValueError, match=r"port = 70000: it must be a number from 0 to 65535"):
            db.monitor(70000)
        with pytest.raises(ValueError, match="port = '80'"):
            db.monitor("80")  # type: ignore[arg-type]
    with pytest.raises(pycopg.PoolClosed, match="is closed"):
        db.monitor()
    with pytest.raises(pycopg.PoolClosed, match="not open yet"):
        pycopg.AsyncPooledDatabase.from_url(server_url).monitor()


def test_a_token_and_no_texts(server_url: str) -> None:
    with pycopg.PooledDatabase.from_url(server_url) as db, db.monitor(token=TOKEN, show_texts=False) as monitor:
        db.execute("SELECT 'a secret'")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(monitor.url)
        assert "secret" not in ask(monitor.url, f"stats.json?token={TOKEN}")


def test_the_unix_socket_alone(server_url: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pycopg.PooledDatabase.from_url(server_url, name="orders") as db, db.monitor(None) as monitor:
        assert (monitor.port, monitor.url) == (0, "")
        assert monitor.socket_path == str(tmp_path / "copg" / f"{os.getpid()}-0.sock")
        client = http.client.HTTPConnection("localhost")
        client.sock = socket.socket(socket.AF_UNIX)
        client.sock.connect(monitor.socket_path)
        client.request("GET", "/stats.json")
        assert json.loads(client.getresponse().read())["pools"][0]["name"] == "orders"
        client.close()
    assert not list((tmp_path / "copg").iterdir())


def test_the_end_of_a_program_ends_it(server_url: str, tmp_path: pathlib.Path) -> None:
    code = f"""
import pycopg
db = pycopg.PooledDatabase.from_url({server_url!r})
kept = db.monitor()
pycopg.monitor(db)
print(kept.socket_path)
"""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.strip().endswith("-0.sock")
    assert not list((tmp_path / "copg").iterdir())


def test_a_fork_has_none(server_url: str) -> None:
    with pycopg.PooledDatabase.from_url(server_url) as db, db.monitor() as monitor:
        told, telling = os.pipe()
        goes_on, letting_go = os.pipe()
        child = os.fork()
        if child == 0:
            right = db.fetch_val("SELECT 1") == 1
            monitor.close()
            right = right and pathlib.Path(monitor.socket_path).exists()
            os.write(telling, b"1" if right else b"0")
            os.read(goes_on, 1)
            os._exit(0)
        assert os.read(told, 1) == b"1"
        assert ask(monitor.url, "health") == "ok\n"
        port = monitor.port
        monitor.close()
        with db.monitor(port):  # which the child does not hold
            pass
        os.write(letting_go, b"x")
        assert os.waitpid(child, 0)[1] == 0


def test_many_ask_while_threads_work(server_url: str) -> None:
    with pycopg.PooledDatabase.from_url(server_url, max_size=3) as db, db.monitor() as monitor:
        over = threading.Event()

        def work() -> None:
            while not over.is_set():
                db.execute("SELECT 1")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for path in ("stats.json", "metrics", "", "health") * 10:
            assert ask(monitor.url, path)
        over.set()
        for thread in threads:
            thread.join()
