"""A queue of jobs in a table: filled from CSV, worked on by several workers, exported to CSV, and kept per tenant.

A job's work is to count the words of its payload.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

import pycopg

# The checks are those of `jobs`: made here, an error names the line of the file.
INCOMING = "CREATE TEMPORARY TABLE incoming (payload text NOT NULL CHECK (payload <> '')) ON COMMIT DROP"
TAKE = "SELECT id, payload FROM jobs WHERE state = 'waiting' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
END = "UPDATE jobs SET state = %s, result = %s, ended_at = now() WHERE id = %s"
COUNTS = "SELECT state, count(*) FROM jobs GROUP BY state"
EXPORT = "SELECT id, payload, state, result FROM jobs ORDER BY id"
LOOK_AGAIN_S = 1.0  # how long a signal may have to wait
LOOK_ANYWAY_S = 10.0  # nobody sends a notification when a worker dies and its job waits again


@dataclass
class Job:
    id: int
    payload: str


class Queue:
    """The jobs of one tenant. Any number of threads may share it."""

    def __init__(self, db: pycopg.PooledDatabase, tenant: int) -> None:
        self._db = db
        self._tenant = str(tenant)

    def transaction(self) -> Any:
        """A transaction that sees the tenant's jobs and no others. It costs no further round trip."""
        return self._db.transaction(settings={"app.tenant": self._tenant}, role="job_tenant")

    def import_csv(self, file: IO[bytes]) -> int:
        """All lines become jobs, or none. PostgreSQL copies into no table with policies, so another stands between."""
        with self.transaction() as conn:
            conn.execute(INCOMING)
            conn.copy_in("incoming", file, format="csv", header=True)
            return int(conn.execute("INSERT INTO jobs (payload) SELECT payload FROM incoming").rowcount)

    def export_csv(self, file: IO[bytes]) -> int:
        with self.transaction() as conn:
            return int(conn.copy_out(EXPORT, file, format="csv", header=True))

    def counts(self) -> dict[str, int]:
        with self.transaction() as conn:
            return dict(conn.fetch_all(COUNTS, row=tuple))

    def work_on_one(self) -> Job | None:
        """Takes a job that no other worker has, and ends it. If this process dies meanwhile, it waits again."""
        with self.transaction() as conn:
            job: Job | None = conn.fetch_one(TAKE, row=Job)
            if job is not None:
                try:
                    state, result = "done", count_words(job.payload)
                except ValueError as error:
                    state, result = "failed", str(error)
                conn.execute(END, [state, result, job.id])
            return job

    def work(self, ending: threading.Event, until_empty: bool) -> None:
        # It listens before it looks, so that no job can come unnoticed in between.
        with self._db.listen("jobs") as notes:
            while not ending.is_set():
                job = self.work_on_one()
                if job is not None:
                    print(f"job {job.id} done\n", end="", flush=True)  # in one piece: other threads print, too
                elif until_empty:
                    return
                else:
                    self._wait(notes, ending)

    def _wait(self, notes: pycopg.Listener, ending: threading.Event) -> None:
        look_anyway = time.monotonic() + LOOK_ANYWAY_S
        while not ending.is_set() and time.monotonic() < look_anyway:
            note = notes.next(timeout=LOOK_AGAIN_S)
            # After a Gap a notification may be missing: the table knows.
            if isinstance(note, pycopg.Gap) or (note is not None and note.payload == self._tenant):
                return


def count_words(payload: str) -> str:
    if payload.startswith("fail"):
        raise ValueError("it was told to fail")
    return str(len(payload.split()))


def run_workers(queue: Queue, workers: int, until_empty: bool) -> None:
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    failures: list[BaseException] = []

    def work() -> None:
        try:
            queue.work(ending, until_empty)
        except BaseException as error:
            failures.append(error)
            ending.set()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(LOOK_AGAIN_S)  # not without end, so that signals are heard
    if failures:
        raise failures[0]


def opened(path: str, mode: str) -> IO[bytes]:
    if path != "-":
        return open(path, mode)
    return sys.stdin.buffer if mode == "rb" else sys.stdout.buffer


def parse(arguments: Iterable[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="jobs.py", description=__doc__)
    parser.add_argument("--tenant", type=int, required=True, help="whose jobs")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("import", "make a job of each line of a CSV file, which has a header and one column"),
        ("export", "write all jobs to a CSV file"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("file", metavar="FILE", help="its path, or - for stdin and stdout")
    work = commands.add_parser("work", help="end jobs, until Ctrl-C")
    work.add_argument("--workers", type=int, default=4, help="threads (4)")
    work.add_argument("--until-empty", action="store_true", help="end when no job is waiting")
    commands.add_parser("status", help="count the jobs")
    return parser.parse_args(None if arguments is None else list(arguments))


def run(options: argparse.Namespace, queue: Queue) -> None:
    if options.command == "import":
        with opened(options.file, "rb") as file:
            print(f"{queue.import_csv(file)} jobs imported")
    elif options.command == "export":
        with opened(options.file, "wb") as file:
            count = queue.export_csv(file)
        print(f"{count} jobs exported", file=sys.stderr if options.file == "-" else sys.stdout)
    elif options.command == "work":
        run_workers(queue, options.workers, options.until_empty)
    else:
        counts = queue.counts()
        print(", ".join(f"{state} {counts.get(state, 0)}" for state in ("waiting", "done", "failed")))


def main(arguments: Iterable[str] | None = None) -> int:
    options = parse(arguments)
    try:
        # A worker holds at most one connection.
        size = max(getattr(options, "workers", 1), 1)
        with pycopg.PooledDatabase.from_env(min_size=1, max_size=size, outage_patience=1) as db:
            run(options, Queue(db, options.tenant))
    except (pycopg.Error, OSError) as error:
        print(f"jobs.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
