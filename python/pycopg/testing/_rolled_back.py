"""A transaction that is rolled back at the end of its block, whatever happens in it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator

from .._roll_back import RollBack
from ..async_connection import AsyncConnection
from ..async_pool import AsyncPooledDatabase
from ..connection import Connection
from ..pool import PooledDatabase


@contextlib.contextmanager
def rolled_back(db: PooledDatabase) -> Iterator[Connection]:
    """`with rolled_back(db) as conn`: leases a connection in a transaction, and rolls that back in the end.

    `conn.transaction()` inside is a savepoint, with its own end. `conn.commit()` and `conn.rollback()` raise
    ProgrammingError. An exception of the block is raised, after the rollback.
    """
    with db.connection() as connection, contextlib.suppress(RollBack), connection.transaction():
        yield connection
        raise RollBack


@contextlib.asynccontextmanager
async def rolled_back_async(db: AsyncPooledDatabase) -> AsyncIterator[AsyncConnection]:
    """`async with rolled_back_async(db) as conn`: as `rolled_back`. It may be made where no event loop runs."""
    async with db.connection() as connection:
        with contextlib.suppress(RollBack):
            async with connection.transaction():
                yield connection
                raise RollBack
