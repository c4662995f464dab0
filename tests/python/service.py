"""The example services for Python, each as the processes that its server makes of it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

from conftest import eventually

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def command_of(folder: str) -> tuple[pathlib.Path | str, ...]:
    """Where the example is started, and what its Dockerfile runs there."""
    (command,) = re.findall(r"^CMD (\[.*\])$", (EXAMPLES / folder / "Dockerfile").read_text(), re.MULTILINE)
    return (EXAMPLES / folder, *json.loads(command))


UVICORN = command_of("fastapi_users")
GUNICORN = command_of("flask_users")
# Where it is started, the module that is run, its arguments.
SERVERS: dict[str, tuple[pathlib.Path | str, ...]] = {
    "uvicorn": UVICORN,
    "uvicorn, 2 workers": (*UVICORN, "--workers", "2"),
    "gunicorn": GUNICORN,
    "gunicorn, preload": (*GUNICORN, "--preload"),
    "gunicorn, 2 workers": (*GUNICORN, "--workers", "2"),
    "gunicorn, preload, 2 workers": (*GUNICORN, "--preload", "--workers", "2"),
}
ANY_PORT = {"UVICORN_PORT": "0", "BIND": "127.0.0.1:0"}
ONE_PROCESS = [name for name in SERVERS if "2 workers" not in name]
START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 5.0  # what the services promise


class Service:
    """A service that runs, on a free port of the loopback interface. Nothing of it is left after the block."""

    def __init__(self, server: str | tuple[pathlib.Path | str, ...], url: str, settings: Mapping[str, str]) -> None:
        folder, module, *arguments = SERVERS[server] if isinstance(server, str) else server
        self.lines: list[str] = []
        self._ports: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", str(module), *map(str, arguments)],
            cwd=folder,
            env={**os.environ, **ANY_PORT, "DATABASE_URL": url, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # its workers can be told from everybody else's
        )
        # Ends when the last process that can write is gone.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self._ports.put(int(found[1]))
        self._ports.put(None)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_until_it_listens(self) -> str:
        """Its address."""
        port = self._ports.get(timeout=START_TIMEOUT_S)
        assert port is not None, self.output

        def accepts() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                return False
            return True

        # uvicorn tells the port before its workers listen.
        eventually(accepts, START_TIMEOUT_S)
        return f"http://127.0.0.1:{port}"

    def wait_until_it_has_ended(self, within_s: float) -> int:
        """The exit code of its first process, once none of them is left."""
        deadline = time.monotonic() + within_s
        try:
            code = self.process.wait(within_s)
            self._reader.join(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it runs on after {within_s} s:\n{self.output}") from None
        assert not self._reader.is_alive(), f"a worker runs on after {within_s} s:\n{self.output}"
        return code

    def end(self, number: int) -> int:
        """Sends the signal to its first process, as Ctrl-C and service managers do."""
        self.process.send_signal(number)
        return self.wait_until_it_has_ended(END_TIMEOUT_S)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):  # nobody of that session is left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
