"""Pages for programs of several processes: what they show is started as their readers start it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx

import pycopg
from conftest import eventually
from test_reference import ROOT, blocks

HOW_TO = ROOT / "docs" / "howto"

# A broker of files, since there may be no other.
BROKER = """
app.conf.update(
    broker_url="filesystem://",
    broker_transport_options={{
        "data_folder_in": "{0}", "data_folder_out": "{0}", "control_folder": "{0}/control", "polling_interval": 0.05,
    }},
    worker_enable_remote_control=False,
)
"""


def code_of(page: str) -> str:
    return blocks(HOW_TO / page)[0][1]


@contextlib.contextmanager
def started(folder: pathlib.Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that serves; at the end it is told to end, and must do so well."""
    log = folder / "log.txt"
    with log.open("wb") as output:
        program = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            stdout=output,
            stderr=output,
            env={**os.environ, "PGAPPNAME": "howto"},
        )
    try:
        yield program
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=30) == 0, log.read_text()
    except BaseException:
        print(log.read_text())
        raise
    finally:
        program.kill()
        program.wait()


def names(db: pycopg.PooledDatabase) -> list[str]:
    return db.execute("SELECT name FROM users ORDER BY id", row=pycopg.rows.scalar)


def others(db: pycopg.PooledDatabase) -> int:
    """The sessions of what was started."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'howto'"
    return int(db.fetch_val(sql))


def test_a_worker_of_celery_opens_and_closes_its_pool(users: pycopg.PooledDatabase, tmp_path: pathlib.Path) -> None:
    broker = tmp_path / "broker"
    (broker / "control").mkdir(parents=True)
    (tmp_path / "tasks.py").write_text(code_of("celery.md") + BROKER.format(broker))
    send = "from tasks import rename; rename.delay(1, 'Eve'); rename.delay(2, 'Dora')"
    subprocess.run([sys.executable, "-c", send], cwd=tmp_path, check=True, env=dict(os.environ))
    with started(tmp_path, "celery", "-A", "tasks", "worker", "--concurrency", "2", "--without-gossip"):
        eventually(lambda: names(users) == ["Eve", "Dora"], within_s=60)
        assert 1 <= others(users) <= 2
    assert others(users) == 0


def test_gunicorn_serves_the_page_of_flask(users: pycopg.PooledDatabase, tmp_path: pathlib.Path) -> None:
    (tmp_path / "app.py").write_text(code_of("flask.md"))
    (tmp_path / "gunicorn.conf.py").write_text(code_of("gunicorn.md"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def answer() -> object:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}/users/1").json()
        return None

    with started(tmp_path, "gunicorn", "--preload", "--bind", f"127.0.0.1:{port}", "--workers", "2", "app:app"):
        eventually(lambda: answer() == {"id": 1, "name": "Ada"}, within_s=60)
        eventually(lambda: others(users) == 4)  # two workers, min_size=2
    eventually(lambda: others(users) == 0)
