"""How gunicorn runs app.py. What is given on its command line goes first."""

from __future__ import annotations

bind = "127.0.0.1:8080"
worker_class = "gthread"
threads = 16  # requests at a time, of each process
keepalive = 30  # seconds
# Above the pool's timeout: every request that runs has its answer before gunicorn loses patience and kills.
graceful_timeout = 4  # seconds


def post_worker_init(worker: object) -> None:
    """In the new process, before it accepts: whoever is told that the service is there is served."""
    from app import open_pool

    open_pool()


def worker_exit(server: object, worker: object) -> None:
    from app import close_pool

    close_pool()
