"""Where the server is and who we are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from . import _native


def native_config(config: Config) -> _native.Config:
    if not isinstance(config, Config):  # its value may hold a password
        raise TypeError(f"config: it must be a pycopg.Config, not {type(config).__name__}; a URL is for from_url")
    return config._to_native()


@dataclass
class Config:
    """What it takes to open a connection. A plain value: nothing is looked up or connected here."""

    host: str = "localhost"
    """A name, an address, a socket folder ("/..."), or several with commas between."""
    port: int = 5432
    database: str = "postgres"
    user: str = "postgres"
    password: str = field(default="", repr=False)
    sslmode: str | None = None
    """disable, allow, prefer, require, verify-ca or verify-full; None: libpq's default."""
    options: dict[str, str] = field(default_factory=dict)
    """libpq's keywords, which win over the fields above; any other key is a server setting."""
    statement_timeout: int | None = None
    """On the server, for each statement, in milliseconds; 0: none."""

    @classmethod
    def from_env(cls, dotenv_path: str | os.PathLike[str] | None = None, *, load_dotenv_file: bool = True) -> Config:
        """From DATABASE_URL; else, for each field, DB_HOST (PORT, NAME, USER, PASSWORD, SSLMODE), PGHOST, ...

        A `.env` file is looked for in the current folder and those above it; the environment wins over it.
        A file that is named wins over the environment. Raises ConfigurationError.
        """
        path = None if dotenv_path is None else os.fsdecode(dotenv_path)
        return cls._from_native(_native.Config.from_env(path, load_dotenv_file))

    @classmethod
    def from_url(cls, url: str) -> Config:
        """From `postgresql://user:password@host:port/database?key=value`. Raises ConfigurationError."""
        if not isinstance(url, str):  # its value may hold a password
            raise TypeError(f"url: it must be a str, not {type(url).__name__}")
        return cls._from_native(_native.Config.from_url(url))

    @property
    def dsn(self) -> str:
        """A URL from which `from_url` makes an equal configuration. With the password: never log it."""
        return self._to_native().dsn()

    @classmethod
    def _from_native(cls, native: _native.Config) -> Config:
        return cls(
            native.host,
            native.port,
            native.database,
            native.user,
            native.password,
            native.sslmode or None,
            native.options,
            native.statement_timeout_ms,
        )

    def _to_native(self) -> _native.Config:
        native = _native.Config()
        options = {key: str(value) for key, value in self.options.items()}
        for field_name, native_name, value in (
            *((name, name, getattr(self, name)) for name in ("host", "port", "database", "user", "password")),
            ("sslmode", "sslmode", self.sslmode or ""),
            ("options", "options", options),
            ("statement_timeout", "statement_timeout_ms", self.statement_timeout),
        ):
            try:
                setattr(native, native_name, value)
            except TypeError:  # never show it
                raise TypeError(f"Config.{field_name} can't be {type(value).__name__}") from None
        return native
