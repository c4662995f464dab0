"""Where the server is, and who logs in."""

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
    """What is needed to open a connection. It is a plain value, which looks nothing up and connects to nothing."""

    host: str = "localhost"
    """A name, an address or a socket folder ("/..."), or several of them, separated by commas."""
    port: int = 5432
    database: str = "postgres"
    user: str = "postgres"
    password: str = field(default="", repr=False)
    sslmode: str | None = None
    """disable, allow, prefer, require, verify-ca or verify-full; None: libpq's default."""
    options: dict[str, str] = field(default_factory=dict)
    """libpq's keywords, which override the fields above. Any other key is a setting of the server."""
    statement_timeout: int | None = None
    """The server's limit for each statement, in milliseconds; 0: no limit; None: what the server has set."""

    @classmethod
    def from_env(cls, dotenv_path: str | os.PathLike[str] | None = None, *, load_dotenv_file: bool = True) -> Config:
        """Reads DATABASE_URL; without it, for each field, DB_HOST (PORT, NAME, USER, PASSWORD, SSLMODE), PGHOST, ...

        A `.env` file is looked for in the current folder and those above it; the environment overrides it.
        The file `dotenv_path` overrides the environment. Raises ConfigurationError.
        """
        path = None if dotenv_path is None else os.fsdecode(dotenv_path)
        return cls._from_native(_native.Config.from_env(path, load_dotenv_file))

    @classmethod
    def from_url(cls, url: str) -> Config:
        """Reads `postgresql://user:password@host:port/database?key=value`. Raises ConfigurationError."""
        if not isinstance(url, str):  # its value may hold a password
            raise TypeError(f"url: it must be a str, not {type(url).__name__}")
        return cls._from_native(_native.Config.from_url(url))

    @property
    def dsn(self) -> str:
        """A URL from which `from_url` makes an equal configuration. It has the password in it: never log it."""
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
            except TypeError:  # never show the value
                raise TypeError(f"Config.{field_name} can't be {type(value).__name__}") from None
        return native
