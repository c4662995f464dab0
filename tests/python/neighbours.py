"""The modules named on the command line, imported in that order and then using TLS in turns, in one process.

Each may have an OpenSSL, and two have a libpq, of its own. DATABASE_URL names a server with TLS.
"""

from __future__ import annotations

import importlib
import os
import socket
import struct
import sys
import urllib.parse

URL = os.environ["DATABASE_URL"]
QUESTION = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def with_ssl() -> bool:
    import ssl

    parts = urllib.parse.urlsplit(URL)
    certificate = urllib.parse.parse_qs(parts.query)["sslrootcert"][0]
    with socket.create_connection((parts.hostname, parts.port or 5432), timeout=10) as plain:
        plain.sendall(SSL_REQUEST)
        assert plain.recv(1) == b"S"
        context = ssl.create_default_context(cafile=certificate)
        with context.wrap_socket(plain, server_hostname=parts.hostname) as encrypted:
            return encrypted.version() is not None


def with_psycopg() -> bool:
    import psycopg

    with psycopg.connect(URL) as connection:
        row = connection.execute(QUESTION).fetchone()
        return row is not None and row[0] is True


def with_pycopg() -> bool:
    import pycopg

    with pycopg.PooledDatabase.from_url(URL, min_size=1, max_size=2) as db:
        return db.fetch_val(QUESTION) is True


USES = {"ssl": with_ssl, "psycopg": with_psycopg, "pycopg": with_pycopg}

for name in sys.argv[1:]:
    importlib.import_module(name)
for _ in range(2):
    for name in sys.argv[1:]:
        assert USES[name](), f"{name} has no TLS"
print("all have TLS")
