"""How gunicorn runs app.py. What is given on its command line goes first."""

from __future__ import annotations

import itertools
import os
from typing import Any

bind = os.environ.get("BIND", "127.0.0.1:8080")
# How many workers: WEB_CONCURRENCY, or --workers; else one.
worker_class = "gthread"
threads = 16  # requests at a time, of each process
keepalive = 30  # seconds
control_socket_disable = True  # newer versions want it in a home folder, which the user of a container has not
# Above the pool's timeout: every request that runs has its answer before gunicorn loses patience and kills.
graceful_timeout = 4  # seconds

# A worker's metrics are at this port and /metrics; the next worker's at the next port. 0: at none.
MONITOR_PORT = int(os.environ.get("MONITOR_PORT", "0"))
MONITOR_TOKEN = os.environ.get("MONITOR_TOKEN", "")  # without one, the metrics are for this machine alone


def pre_fork(server: Any, worker: Any) -> None:
    """Gives each worker a number, the smallest that is free, so that a worker's successor has the same port."""
    taken = {other.number for other in server.WORKERS.values()}
    worker.number = next(number for number in itertools.count() if number not in taken)


def post_worker_init(worker: Any) -> None:
    """In the new process, before it accepts: whoever is told that the service is there is served."""
    from app import db, open_pool

    open_pool()
    if MONITOR_PORT:
        db.monitor(
            port=MONITOR_PORT + worker.number,
            address="0.0.0.0" if MONITOR_TOKEN else "127.0.0.1",
            token=MONITOR_TOKEN,
            show_texts=False,
        )


def worker_exit(server: Any, worker: Any) -> None:
    from app import close_pool

    close_pool()
