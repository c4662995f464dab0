"""A small shop whose pool runs dry, for the drill: each function is a mistake that services are made of."""

from __future__ import annotations

import urllib.request
from typing import Any

import pycopg

forgotten: list[Any] = []


def remember(db: pycopg.PooledDatabase) -> None:
    """A leak: the connection is taken and never given back."""
    connection = db.connection()
    connection.__enter__().execute("SELECT 1")
    forgotten.append(connection)


def pay(db: pycopg.PooledDatabase, bank: str) -> None:
    """A lease held over a call that has nothing to do with the database."""
    with db.transaction() as conn:
        conn.execute("INSERT INTO payments VALUES (1)")
        urllib.request.urlopen(bank, timeout=60).read()


def report(db: pycopg.PooledDatabase) -> None:
    """A query that takes long."""
    db.execute("SELECT count(*) FROM orders, pg_sleep(60)")


def sell(db: pycopg.PooledDatabase) -> None:
    """A row that somebody else has locked."""
    db.execute("UPDATE stock SET number = number - 1 WHERE item = 7")


def list_orders(db: pycopg.PooledDatabase, timeout: float = 1.5) -> list[Any]:
    """What customers wait for."""
    return db.fetch_all("SELECT * FROM orders", timeout=timeout)
