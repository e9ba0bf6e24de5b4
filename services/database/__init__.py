"""The database: engine, transactions, bulk inserts, migrations. PostgreSQL and SQLite behind one interface."""

from services.database.bulk import insert_new
from services.database.columns import UtcDateTime
from services.database.engine import (
    BULK_TIMEOUT,
    COMMAND_TIMEOUT,
    EVERY_WORKSPACE,
    Database,
    DatabaseUnavailable,
    connect,
)
from services.database.migrating import migrate, schema_version

__all__ = [
    "BULK_TIMEOUT",
    "COMMAND_TIMEOUT",
    "EVERY_WORKSPACE",
    "Database",
    "DatabaseUnavailable",
    "UtcDateTime",
    "connect",
    "insert_new",
    "migrate",
    "schema_version",
]
