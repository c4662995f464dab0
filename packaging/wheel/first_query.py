"""What a user does first, for an interpreter with a wheel that was just installed: DATABASE_URL names a server."""

import asyncio
import os

import pycopg

URL = os.environ["DATABASE_URL"]
MANY = 500
QUESTION = "SELECT 40 + 2 AS answer, (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS tls"
ANSWER = {"answer": 42, "tls": "sslmode=verify-full" in URL}


def threads() -> None:
    with pycopg.PooledDatabase.from_url(URL, min_size=1, max_size=4) as db:
        assert db.fetch_one(QUESTION) == ANSWER
        assert db.execute_many("SELECT %s::int", [(1,), (2,)]) == 2
        with db.stream("SELECT n, repeat('x', 500) FROM generate_series(1, 20000) AS n") as rows:
            assert sum(1 for _ in rows) == 20000
        try:
            db.execute("SELECT pg_sleep(60)", timeout=0.2)
        except pycopg.QueryTimeout:
            pass
        else:
            raise AssertionError("the statement was not cancelled")
        # More than fit into a record of TLS, at once.
        with db.listen("news") as notes:
            db.execute("SELECT pg_notify('news', n::text || repeat('x', 100)) FROM generate_series(1, %s) AS n", [MANY])
            for n in range(1, MANY + 1):
                note = notes.next(timeout=10)
                assert isinstance(note, pycopg.Notification), note
                assert note.payload.startswith(f"{n}x"), note


async def tasks() -> None:
    async with pycopg.AsyncPooledDatabase.from_url(URL, min_size=1, max_size=4) as db:
        assert await db.fetch_one(QUESTION) == ANSWER


threads()
asyncio.run(tasks())
print("the first queries are answered")
