"""A relay between a client and the server that counts how often the client stands waiting for an answer.

What the server says is held back until both sides have been silent for a moment, then handed over at once. So a client
that goes on sending while the first answers are under way, a pipeline, is counted once, and one that waits for each
answer is counted each time: exactly what a distant server would make it pay.
"""

from __future__ import annotations

import asyncio
import pathlib
import threading
import time

SILENCE_S = 0.02
PORT = 5432  # in the name of the socket only
START_TIMEOUT_S = 10


class _Relay:
    """One connection of the client's."""

    def __init__(self, proxy: CountingProxy) -> None:
        self.proxy = proxy
        self.held = bytearray()
        self.asked = False  # the client has sent something since it last got something
        self.silence: asyncio.TimerHandle | None = None

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server = await self.proxy.connect()
        try:
            to_server = asyncio.ensure_future(self._to_server(reader, server))
            await self._hold(server_reader, writer)
            to_server.cancel()
        finally:
            if self.silence is not None:
                self.silence.cancel()
            server.close()
            writer.close()

    async def _to_server(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            self.asked = True
            server.write(data)
            self._heard(None)
        server.close()

    async def _hold(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            self.held += data
            self._heard(client)

    def _heard(self, client: asyncio.StreamWriter | None) -> None:
        self.proxy.last_heard = time.monotonic()
        if client is not None:
            self.client = client
        if self.silence is not None:
            self.silence.cancel()
        self.silence = asyncio.get_running_loop().call_later(SILENCE_S, self._hand_over)

    def _hand_over(self) -> None:
        if not self.held:
            return
        self.client.write(bytes(self.held))
        self.held.clear()
        self.proxy.last_heard = time.monotonic()
        if self.asked:  # else the server only took a pause within its answer
            self.proxy.trips += 1
            self.asked = False


class CountingProxy:
    """Listens on a Unix socket in `folder`, as PostgreSQL would, on a thread of its own."""

    def __init__(self, folder: pathlib.Path, host: str, port: int) -> None:
        self.trips = 0
        self.last_heard = 0.0
        self._host, self._port = host, port
        self._path = folder / f".s.PGSQL.{PORT}"
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> CountingProxy:
        self._thread.start()
        if not self._listening.wait(START_TIMEOUT_S):
            raise RuntimeError("the counting proxy does not listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._host.startswith("/"):
            return await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        return await asyncio.open_connection(self._host, self._port)

    def wait_for_silence(self) -> None:
        """Until nothing is under way any more, also what a pool does after its caller has gone on."""
        while time.monotonic() - self.last_heard < 3 * SILENCE_S:
            time.sleep(SILENCE_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda *_: None)  # clients and servers that hang up
        accept = asyncio.start_unix_server(lambda *streams: _Relay(self).run(*streams), self._path)
        server = self._loop.run_until_complete(accept)
        self._listening.set()
        self._loop.run_forever()
        server.close()
        relays = asyncio.all_tasks(self._loop)
        for relay in relays:
            relay.cancel()
        self._loop.run_until_complete(asyncio.gather(*relays, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # in which the sockets are closed
        self._loop.close()
