"""Brings the schema of the database in DATABASE_URL up to date: files in migrations/ that it has not had yet, by name.

    python migrate.py

All of them are one transaction: when one fails, the database stays as it was. Several of these programs may run at the
same time, such as one for each replica: a lock makes the others wait, and then nothing is left for them to do. A file
that was applied must not be edited; a change is a new file. What runs outside transactions only, such as
CREATE INDEX CONCURRENTLY, can't be in these files.
"""

from __future__ import annotations

import pathlib
import sys

from pycopg import Error, PooledDatabase

FOLDER = pathlib.Path(__file__).parent / "migrations"
LOCK = 7_305_821_118  # any number that no other program of this database uses for pg_advisory_lock
TIMEOUT_S = 60.0  # for the server to come up, for another migration to end, and for each statement


def migrate(db: PooledDatabase) -> list[str]:
    """Returns the names of the files that were applied; pycopg.Error if one failed, and then none was."""
    applied = []
    with db.transaction() as conn:
        conn.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])  # until the end of the transaction
        conn.execute(
            "CREATE TABLE IF NOT EXISTS migrations"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        had = {row["name"] for row in conn.execute("SELECT name FROM migrations")}
        for path in sorted(FOLDER.glob("*.sql")):
            if path.name not in had:
                conn.execute(path.read_text(encoding="utf-8"))
                conn.execute("INSERT INTO migrations (name) VALUES (%s)", [path.name])
                applied.append(path.name)
    return applied


def main() -> None:
    try:
        with PooledDatabase.from_env(min_size=1, max_size=1, timeout=TIMEOUT_S) as db:
            applied = migrate(db)
    except Error as error:
        sys.exit(f"migrate.py: {error}")
    print("migrate.py:", ", ".join(applied) or "nothing to do")


if __name__ == "__main__":
    main()
