"""Databases that are made for tests, on a server of their own or on one that exists."""

from __future__ import annotations

import dataclasses
import secrets

from ..config import Config
from ..pool import PooledDatabase


class ExistingServer:
    """A server that was there before, by the URL of a database whose user may create others."""

    def __init__(self, url: str) -> None:
        self.url = url


class Databases:
    """Makes and drops databases on the server of `url`, whose user must be allowed to. `close` drops what is left.

    The names of databases are `copg_test_` and 16 digits. Each call blocks until the server has done it, for some 50
    ms. Thread-safe.
    """

    def __init__(self, url: str) -> None:
        self._config = Config.from_url(url)
        self._admin = PooledDatabase(self._config, min_size=0, max_size=1, autocommit=True)
        self._made: list[str] = []

    def create(self, template: Config | None = None) -> Config:
        """Makes a database, as a copy of `template` if given, to which nobody may be connected."""
        name = f"copg_test_{secrets.token_hex(8)}"
        source = "template1" if template is None else template.database
        self._admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        self._made.append(name)
        return dataclasses.replace(self._config, database=name, options=dict(self._config.options))

    def drop(self, database: Config) -> None:
        """Drops it, and cuts the connections that are left to it."""
        self._admin.execute(f'DROP DATABASE "{database.database}" WITH (FORCE)')
        self._made.remove(database.database)

    def close(self) -> None:
        for name in [*self._made]:
            self.drop(dataclasses.replace(self._config, database=name))
        self._admin.close()
