"""Databases for tests, which are made and dropped when nobody is connected to them."""

from __future__ import annotations

import sys
from typing import Any

from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.backends.postgresql import creation

from ..errors import DuplicateDatabase


class DatabaseCreation(creation.DatabaseCreation):
    def _execute_create_test_db(self, cursor: Any, parameters: dict[str, str], keepdb: bool = False) -> None:
        try:
            if keepdb and self._database_exists(cursor, parameters["dbname"]):
                return
            BaseDatabaseCreation._execute_create_test_db(self, cursor, parameters, keepdb)
        except Exception as error:
            if not isinstance(error.__cause__, DuplicateDatabase):
                self.log(f"Got an error creating the test database: {error}")
                sys.exit(2)
            if not keepdb:
                raise

    def _create_test_db(self, verbosity: int, autoclobber: bool, keepdb: bool = False) -> Any:
        self.connection.close()
        self.connection.close_pool()
        return super()._create_test_db(verbosity, autoclobber, keepdb)
