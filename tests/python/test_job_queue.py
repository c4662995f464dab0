"""The job queue in examples/: two tenants, workers that wait, CSV in and out, and what goes wrong."""

from __future__ import annotations

import csv
import io
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from conftest import eventually
from pycopg import PooledDatabase

FOLDER = pathlib.Path(__file__).parents[2] / "examples" / "job_queue"
END_TIMEOUT_S = 30


class Queue:
    """The program, as it is started from a shell."""

    def __init__(self, tenant: int) -> None:
        self.command = [sys.executable, str(FOLDER / "jobs.py"), "--tenant", str(tenant)]

    def run(self, *arguments: str, stdin: str = "", code: int = 0) -> str:
        command = [*self.command, *arguments]
        ended = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=END_TIMEOUT_S, check=False)
        assert ended.returncode == code, ended.stderr
        return ended.stdout if code == 0 else ended.stderr

    def workers(self) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.command, "work", "--workers", "2"], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def queue(db: PooledDatabase, schema: str) -> Callable[[int], Queue]:
    db.execute((FOLDER / "jobs.sql").read_text())
    db.execute(f"GRANT USAGE ON SCHEMA {schema} TO job_tenant")
    return Queue


def csv_of(payloads: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([["payload"], *([it] for it in payloads)])
    return text.getvalue()


def test_jobs_are_imported_worked_on_and_exported(queue: Callable[[int], Queue], tmp_path: pathlib.Path) -> None:
    seven, eight = queue(7), queue(8)
    assert seven.run("status") == "waiting 0, done 0, failed 0\n"
    path = tmp_path / "jobs.csv"
    path.write_text(csv_of(["three little words", "fail, please", 'one "quoted", two']))
    assert seven.run("import", str(path)) == "3 jobs imported\n"
    assert eight.run("import", "-", stdin=csv_of(["of another tenant"])) == "1 jobs imported\n"
    assert seven.run("status") == "waiting 3, done 0, failed 0\n"
    done = seven.run("work", "--until-empty").split("\n")
    assert sorted(done) == ["", "job 1 done", "job 2 done", "job 3 done"]
    assert seven.run("status") == "waiting 0, done 2, failed 1\n"
    assert eight.run("status") == "waiting 1, done 0, failed 0\n"
    assert seven.run("export", str(path)) == "3 jobs exported\n"
    assert path.read_text() == (
        "id,payload,state,result\n"
        "1,three little words,done,3\n"
        '2,"fail, please",failed,it was told to fail\n'
        '3,"one ""quoted"", two",done,3\n'
    )
    assert eight.run("export", "-") == "id,payload,state,result\n4,of another tenant,waiting,\n"


def test_workers_that_wait_are_woken_each_for_its_tenant(db: PooledDatabase, queue: Callable[[int], Queue]) -> None:
    count = 100
    workers = [queue(tenant).workers() for tenant in (1, 2)]
    try:
        eventually(lambda: db.fetch_val("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") == 2)
        for tenant in (1, 2):
            queue(tenant).run("import", "-", stdin=csv_of([f"job {i}" for i in range(count)]))
        eventually(lambda: db.fetch_val("SELECT count(*) FROM jobs WHERE state = 'done'") == 2 * count, 30)
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        outputs = [worker.communicate(timeout=END_TIMEOUT_S)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    ids = [sorted(int(line.split()[1]) for line in output.splitlines()) for output in outputs]
    for tenant, done in zip((1, 2), ids):
        assert done == db.fetch_val("SELECT array_agg(id ORDER BY id) FROM jobs WHERE tenant = %s", [tenant])


def test_what_goes_wrong_is_told(db: PooledDatabase, queue: Callable[[int], Queue]) -> None:
    error = queue(7).run("import", "-", stdin="payload\nfine\ntoo,many\n", code=1)
    assert "extra data after last expected column" in error
    assert "COPY incoming, line 3" in error
    error = queue(7).run("import", "-", stdin='payload\nfine\n""\n', code=1)
    assert "violates check constraint" in error
    assert "COPY incoming, line 3" in error
    assert db.fetch_val("SELECT count(*) FROM jobs") == 0
    assert "No such file" in queue(7).run("import", "/nowhere/jobs.csv", code=1)
    assert "invalid choice" in queue(7).run("improt", code=2)
    assert "invalid int value: 'x'" in Queue("x").run("status", code=2)  # type: ignore[arg-type]
    assert "until Ctrl-C" in queue(7).run("--help")
    url, os.environ["DATABASE_URL"] = os.environ["DATABASE_URL"], "postgresql://127.0.0.1:1/none"
    try:
        assert "jobs.py: pool 'none'" in queue(7).run("status", code=1)
    finally:
        os.environ["DATABASE_URL"] = url
