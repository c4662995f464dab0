"""Django on copg: `"ENGINE": "pycopg.django"` in DATABASES. Needs `copg[django]`.

Each database has a pool of copg, whose options are those of PooledDatabase in `OPTIONS["pool"]`; the pool itself is
`connections["default"].pool`. SQL, introspection and migrations are those of Django's backend for PostgreSQL, whose
classes of values (Range, Jsonb) are psycopg's: that is installed as well, but connects to nothing.
"""

from __future__ import annotations

from typing import Any

from ..config import Config


def database(config: Config | None = None, **settings: Any) -> dict[str, Any]:
    """An entry of Django's DATABASES for where `config` points, by default `Config.from_env()`.

    `settings`: further keys of the entry, such as `ATOMIC_REQUESTS=True` or `OPTIONS={"pool": {"max_size": 20}}`, which
    go first. The entry contains the password. Imports nothing of Django. Raises ConfigurationError if the environment
    can't be understood.
    """
    config = config or Config.from_env()
    options: dict[str, Any] = dict(config.options)
    if config.sslmode is not None:
        options.setdefault("sslmode", config.sslmode)
    if config.statement_timeout is not None:
        options.setdefault("statement_timeout", str(config.statement_timeout))
    return {
        "ENGINE": "pycopg.django",
        "NAME": config.database,
        "USER": config.user,
        "PASSWORD": config.password,
        "HOST": config.host,
        "PORT": str(config.port or ""),
        **settings,
        "OPTIONS": {**options, **settings.get("OPTIONS", {})},
    }
