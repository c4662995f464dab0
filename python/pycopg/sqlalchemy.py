"""SQLAlchemy on copg: `create_engine("postgresql+copg://...")`, and `create_async_engine`. Needs `copg[sqlalchemy]`.

An engine has a pool of copg as its pool; SQLAlchemy's own keep nothing. `create_engine` takes `pool_size`,
`max_overflow`, `pool_timeout` and `pool_recycle` as its QueuePool does, and besides:

- `pool_options`: a dict of further options of PooledDatabase, such as `min_size`, `share` or `observer`,
- `database`: a pool that exists already, for the engine to lease from. Closing it is then left to the program.

Types, SQL and reflection are those of SQLAlchemy's dialect for psycopg, which need not be installed.
"""

from __future__ import annotations

from sqlalchemy.engine import URL

from ._sqlalchemy import CopgPool, EngineDialect
from ._sqlalchemy_async import AsyncCopgDialect

__all__ = ["AsyncCopgDialect", "CopgDialect", "CopgPool"]


class CopgDialect(EngineDialect):
    """`postgresql+copg` for `create_engine`; for `create_async_engine` it names AsyncCopgDialect."""

    supports_statement_cache = True

    @classmethod
    def get_async_dialect_cls(cls, url: URL) -> type[AsyncCopgDialect]:
        return AsyncCopgDialect
