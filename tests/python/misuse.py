"""Mistakes that a type checker finds: tests/python/test_typing.py compares its errors with the marks."""

from __future__ import annotations

from pycopg import AsyncPooledDatabase, Config, PooledDatabase


def main(config: Config) -> None:
    PooledDatabase.from_env(min_size=1, max_size=2, timeuot=3.0)  # wrong
    PooledDatabase.from_url("postgresql://db", max_idel=3.0)  # wrong
    PooledDatabase.from_url("postgresql://db", max_idle="long")  # wrong
    PooledDatabase.from_url("postgresql://db", reset="ful")  # wrong
    PooledDatabase.from_env(prepare="no")  # wrong
    PooledDatabase(config, reset="none")  # wrong
    AsyncPooledDatabase.from_env(share=True, prepair="off")  # wrong
    AsyncPooledDatabase.from_env(open=False)  # wrong
    AsyncPooledDatabase(config, prepare="always")  # wrong
    db = PooledDatabase.from_env(reset="full", prepare="off", open=False, leak_after=None, autocommit=True)
    db.execute("SELECT 1", parms=[1])  # wrong
    db.execute(1)  # wrong
    db.wait("soon")  # wrong
    wrong: str | None = db.fetch_one("SELECT 1", row=Config)  # wrong
    db.fetch_all("SELECT 1", row=7)  # wrong
    print(wrong, db.fetch_one("SELECT 1 AS host", row=Config).host)  # wrong
    AsyncPooledDatabase.from_url("postgresql://db", reset="tracked", check=None, row_factory=tuple)
