"""What the tests of copg top need: the program on a terminal of its own, and a monitor that says what a test wants."""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import json
import os
import pathlib
import select
import signal
import socketserver
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from typing import Any

import pyte

ROOT = pathlib.Path(__file__).parents[2]
COPG = ROOT / "build" / "dev" / "bin" / "copg"  # as scripts/test-python builds it


def environment(**changes: str) -> dict[str, str]:
    """Without anything that says where a server or a monitor is."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "DB_", "XDG_", "LC_", "LANG")) and name != "DATABASE_URL"
    }
    return {**kept, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", **changes}


def top(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COPG, "top", *arguments],
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Terminal:
    """copg top on a screen that can be read and typed at."""

    def __init__(self, *arguments: str, lines: int = 24, columns: int = 140, **changes: str) -> None:
        self.bytes = b""
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._master, self._slave = os.openpty()
        self._set_size(lines, columns)
        self._attributes = termios.tcgetattr(self._slave)
        # setsid executes the program in its own place, with this terminal as its controlling one.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", COPG, "top", *arguments],
            env=environment(**changes),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
        )

    def _set_size(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, lines: int, columns: int) -> None:
        self.screen.resize(lines, columns)
        self._set_size(lines, columns)  # and the kernel sends SIGWINCH

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def read(self, until_s: float) -> bool:
        """Takes in what the program writes; false once the time is over."""
        left = until_s - time.monotonic()
        if left <= 0 or not select.select([self._master], [], [], left)[0]:
            return False
        data = os.read(self._master, 65536)
        self.bytes += data
        self._stream.feed(data)
        return True

    def shows(self, *parts: str, without: str | None = None, within_s: float = 20) -> str:
        """Waits until the screen has all these texts, and not the other."""
        until = time.monotonic() + within_s
        while not all(part in self.text() for part in parts) or (without is not None and without in self.text()):
            assert self.read(until), f"the screen has not come to show {parts} without {without!r}:\n{self.text()}"
        return self.text()

    def ended(self, within_s: float = 20) -> int:
        """Waits for the end; returns the exit code. What was left to read is read."""
        status = self.process.wait(within_s)
        while self.read(time.monotonic() + 0.05):
            pass
        return status

    def is_restored(self) -> bool:
        """The terminal's mode is what it was, the screen is the first one, and the cursor is seen."""
        same = termios.tcgetattr(self._slave) == self._attributes
        leaves = self.bytes.rfind(b"\x1b[?1049l") > self.bytes.rfind(b"\x1b[?1049h") >= 0
        return same and leaves and self.bytes.rfind(b"\x1b[?25h") > self.bytes.rfind(b"\x1b[?25l")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._master)
        os.close(self._slave)


@contextlib.contextmanager
def terminal(*arguments: str, **options: Any) -> Iterator[Terminal]:
    opened = Terminal(*arguments, **options)
    try:
        yield opened
    finally:
        opened.close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        monitor: Any = self.server
        token = monitor.token
        if token is not None and self.headers.get("Authorization") != f"Bearer {token}":
            self.send_error(401)
            return
        monitor.asked.append(self.path)
        if monitor.silent is not None:
            monitor.silent.wait(60)
        body = monitor.answer if monitor.answer is not None else json.dumps(monitor.document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Monitor:
    """What both kinds of servers have besides."""

    daemon_threads = True
    block_on_close = False

    def prepare(self, document: dict[str, Any]) -> None:
        self.document = document
        self.answer: bytes | None = None
        self.token: str | None = None
        self.silent: threading.Event | None = None
        self.asked: list[str] = []


class SocketMonitor(_Monitor, socketserver.ThreadingUnixStreamServer):
    pass


class PortMonitor(_Monitor, socketserver.ThreadingTCPServer):
    pass


@contextlib.contextmanager
def serving(monitor: Any, document: dict[str, Any]) -> Iterator[Any]:
    monitor.prepare(document)
    thread = threading.Thread(target=monitor.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield monitor
    finally:
        monitor.shutdown()
        monitor.server_close()
        thread.join()


@contextlib.contextmanager
def socket_monitor(path: pathlib.Path, document: dict[str, Any]) -> Iterator[Any]:
    """On a Unix socket, as copg's own; the socket is gone afterwards."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    before = os.umask(0o177)
    try:
        monitor = SocketMonitor(str(path), _Handler)
    finally:
        os.umask(before)
    with serving(monitor, document):
        yield monitor
    path.unlink()


@contextlib.contextmanager
def port_monitor(document: dict[str, Any]) -> Iterator[Any]:
    with serving(PortMonitor(("127.0.0.1", 0), _Handler), document) as monitor:
        monitor.url = f"http://127.0.0.1:{monitor.server_address[1]}"
        yield monitor


def lease(place: str, age: float, **more: Any) -> dict[str, Any]:
    return {
        "connection": 1,
        "backend_pid": 900,
        "name": "",
        "place": place,
        "holder": "thread 1",
        "age": age,
        "idle": None,
        "held_idle": False,
        "transaction": "none",
        "statement": "SELECT 1",
        **more,
    }


def document(program: str = "shop", pid: int = 4711, **pool: Any) -> dict[str, Any]:
    """A monitor's document of one pool, in which some things are as a test wants them."""
    return {
        "version": 1,
        "process": {"pid": pid, "host": "", "program": program, "started": 1.0},
        "time": 2.0,
        "pools": [
            {
                "name": "orders",
                "min_size": 1,
                "max_size": 4,
                "connections": {
                    "idle": 1,
                    "leased": 2,
                    "connecting": 0,
                    "resetting": 0,
                    "checking": 0,
                    "closing": 0,
                },
                "waiters": {"connection": 0, "statement": 0},
                "totals": {},
                "minute": {"seconds": 60, "requests_per_second": 12.0, "waited": 0.0},
                "leases": [
                    lease("jobs.py:12 in nightly", 31.5, idle=30.0, held_idle=True, statement=None),
                    lease("web.py:7 in orders", 0.5, connection=2),
                ],
                "leases_total": 2,
                "waiting": [],
                "slowest": [],
                "errors": [],
                "closes": [],
                "advice": None,
                "health": {"ok": True, "reason": ""},
                **pool,
            }
        ],
    }
