"""For tests of programs: a PostgreSQL server of one's own, and transactions that are rolled back.

Pytest's fixtures (the plugin pytest_copg) are made of these; they serve any other framework as well.
"""

from ._databases import Databases, ExistingServer
from ._installation import PostgresNotFound
from ._rolled_back import rolled_back, rolled_back_async
from ._server import Server

__all__ = ["Databases", "ExistingServer", "PostgresNotFound", "Server", "rolled_back", "rolled_back_async"]
