"""Notices of a statement, on its cursor."""

from __future__ import annotations

from conftest import Run
from pycopg import AsyncPooledDatabase, Notice, PooledDatabase

RAISE = "DO $$ BEGIN RAISE NOTICE 'one' USING DETAIL = 'more'; RAISE WARNING 'two'; END $$"


def seen(notices: list[Notice]) -> list[tuple[str, str, str | None]]:
    return [(it.severity, it.message, it.detail) for it in notices]


EXPECTED = [("NOTICE", "one", "more"), ("WARNING", "two", None)]


def test_a_cursor_has_the_notices_of_its_last_statement(db: PooledDatabase) -> None:
    with db.connection() as conn:
        cursor = conn.cursor()
        assert cursor.notices == []
        cursor.execute(RAISE)
        assert seen(cursor.notices) == EXPECTED
        assert cursor.notices[0].sqlstate == "00000"
        assert cursor.notices[0].context is not None
        cursor.execute("SELECT 1")
        assert cursor.notices == []
        assert seen(conn.execute(RAISE).notices) == EXPECTED


def test_a_cursor_of_asyncio_too(run: Run) -> None:
    async def body(db: AsyncPooledDatabase) -> None:
        async with db.connection() as conn:
            assert seen((await conn.execute(RAISE)).notices) == EXPECTED
            assert (await conn.execute("SELECT 1")).notices == []

    run(body)
