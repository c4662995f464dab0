"""The tables and statements of all contenders: the same for each, apart from how it writes placeholders."""

from __future__ import annotations

import psycopg

SCHEMA = "copg_bench_python"
USERS = 10_000  # rows of the table, and of the scenarios that fetch or send many
LARGEST_ID = USERS
SLOW_S = 0.05  # the server's time for a slow statement, in which it sleeps: it takes no processor from the others

_SELECT_USER = f"SELECT id, name, email FROM {SCHEMA}.users WHERE id = %s"
# Nothing in its text says that it is slow.
_SELECT_SLOW = _SELECT_USER.replace("users", "slow_users")
_INSERT = f"INSERT INTO {SCHEMA}.added (id, name, score) VALUES (%s, %s, %s)"

# psycopg's placeholders, which are pycopg's, and asyncpg's.
SELECT_USER, SELECT_USER_NUMBERED = _SELECT_USER, _SELECT_USER.replace("%s", "$1")
SELECT_SLOW, SELECT_SLOW_NUMBERED = _SELECT_SLOW, _SELECT_SLOW.replace("%s", "$1")
INSERT, INSERT_NUMBERED = _INSERT, _INSERT.replace("%s, %s, %s", "$1, $2, $3")
SELECT_ALL = f"SELECT id, name, email, score, active, created FROM {SCHEMA}.users"

_SETUP = (
    f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE",
    f"CREATE SCHEMA {SCHEMA}",
    f"CREATE TABLE {SCHEMA}.users (id bigint PRIMARY KEY, name text NOT NULL, email text,"
    " score double precision, active boolean, created timestamptz)",
    f"INSERT INTO {SCHEMA}.users SELECT n, 'user ' || n, 'user' || n || '@example.org', n / 7.0, n % 3 > 0,"
    f" '2024-01-01 00:00:00.123456+00'::timestamptz + n * interval '1 hour' FROM generate_series(1, {USERS}) n",
    f"CREATE VIEW {SCHEMA}.slow_users AS SELECT users.* FROM {SCHEMA}.users, pg_sleep({SLOW_S})",
    # Unlogged and without an index: it is the client that is measured.
    f"CREATE UNLOGGED TABLE {SCHEMA}.added (id bigint, name text, score double precision)",
)


def many_rows(count: int = USERS) -> list[tuple[int, str, float]]:
    return [(number, f"user {number}", number / 7.0) for number in range(count)]


def create(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _SETUP:
            connection.execute(statement)
        connection.execute(f"VACUUM ANALYZE {SCHEMA}.users")


def empty_added(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {SCHEMA}.added")


def drop(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
