"""Django's ORM answers requests: pycopg.django beside Django's own backend with psycopg_pool, each with a pool of 10.

A request is what Django makes of one: its signals, a connection of the pool, and a read by the key, or with
`--transactions` two reads and an update in `atomic`. They take turns, on 1 thread and on 10. Needs a server in
DATABASE_URL. Called by `scripts/bench django`, which provides it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from typing import Any

import django
from django.conf import settings

import pycopg
from pycopg.django import database

ROWS = 1000
ENGINES = {"psycopg": "django.db.backends.postgresql", "copg": "pycopg.django"}
WANTED = 1.0


def configured() -> None:
    server = pycopg.Config.from_env(load_dotenv_file=False)
    databases: dict[str, Any] = {}
    for name, engine in ENGINES.items():
        for bound in (False, True):
            options = {"pool": {"min_size": 0, "max_size": 10}, "server_side_binding": bound}
            databases[name + (" bound" if bound else "")] = database(server, ENGINE=engine, OPTIONS=options)
    databases["default"] = databases["psycopg"]
    settings.configure(DATABASES=databases, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True)
    django.setup()


configured()

from django.core import signals  # noqa: E402
from django.db import connections, models, transaction  # noqa: E402


class User(models.Model):
    name = models.TextField()
    email = models.TextField()

    class Meta:
        app_label = "bench"
        db_table = "bench_django_users"


def read(alias: str, key: int) -> None:
    assert User.objects.using(alias).get(pk=key).name


def change(alias: str, key: int) -> None:
    with transaction.atomic(using=alias):
        user = User.objects.using(alias).get(pk=key)
        assert User.objects.using(alias).filter(name=user.name, pk=key).exists()
        user.email = f"{key}@example.com"
        user.save(using=alias)


def answer(alias: str, work: Any, count: int, first: int) -> None:
    for i in range(count):
        signals.request_started.send(sender=None)
        work(alias, (first + i) % ROWS + 1)
        signals.request_finished.send(sender=None)
    connections.close_all()


def answer_on(threads: int, alias: str, work: Any, count: int) -> None:
    parts = [(alias, work, count // threads, part * ROWS // threads) for part in range(threads)]
    running = [threading.Thread(target=answer, args=part) for part in parts]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench django", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (5)")
    parser.add_argument("--count", type=int, default=2000, help="requests of a turn (2000)")
    parser.add_argument("--transactions", action="store_true", help="requests that write")
    arguments = parser.parse_args()
    with connections["psycopg"].schema_editor() as editor:
        editor.create_model(User)
    User.objects.bulk_create(User(id=i, name=f"name {i}", email=f"{i}@example.org") for i in range(1, ROWS + 1))
    aliases = [*ENGINES, *(f"{name} bound" for name in ENGINES)]
    work = change if arguments.transactions else read
    reached = True
    for threads in (1, 10):
        rates: dict[str, list[float]] = {alias: [] for alias in aliases}
        cpus: dict[str, list[float]] = {alias: [] for alias in aliases}
        for turn in range(arguments.rounds + 1):
            for alias in aliases:
                wall, cpu = time.perf_counter(), time.process_time()
                answer_on(threads, alias, work, arguments.count if turn else arguments.count // 10)
                if turn:  # the first warms up
                    rates[alias].append(arguments.count / (time.perf_counter() - wall))
                    cpus[alias].append((time.process_time() - cpu) / arguments.count)
        for alias in aliases:
            rate, cpu = statistics.median(rates[alias]), statistics.median(cpus[alias])
            ratio = statistics.median(ours / theirs for ours, theirs in zip(rates[alias], rates["psycopg"]))
            print(
                f"{threads:2} thread(s), {alias:13} {rate:8,.0f} requests/s, {1e6 * cpu:6.0f} us of CPU, {ratio:.2f} x"
            )
            reached = reached and (alias == "psycopg bound" or ratio >= WANTED)
    with connections["psycopg"].schema_editor() as editor:
        editor.delete_model(User)
    for alias in aliases:
        connections[alias].close_pool()
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
