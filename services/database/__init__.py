"""The database: engine, transactions, bulk inserts, migrations. PostgreSQL and SQLite behind one interface."""

from services.database.bulk import insert_new
from services.database.columns import UtcDateTime
from services.database.engine import (
    EVERY_WORKSPACE,
    Database,
    DatabaseUnavailable,
    connect,
)
from services.database.migrating import migrate, schema_version

__all__ = [
    "EVERY_WORKSPACE",
    "Database",
    "DatabaseUnavailable",
    "UtcDateTime",
    "connect",
    "insert_new",
    "migrate",
    "schema_version",
]
