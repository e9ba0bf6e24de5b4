"""Row-level security for migrations: a table shows only the rows of the transaction's workspace."""

from __future__ import annotations

from alembic import op


def isolate(table: str) -> None:
    """Let `table` show and take only rows of the workspace that the transaction has set.

    FORCE makes it hold for the table's owner, as which the services connect; only a superuser
    passes, and `akin doctor` warns of one. SQLite has no row-level security.
    """
    if op.get_bind().dialect.name != "postgresql":
        return
    # `table` is a name from a migration script, never from outside.
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY workspace ON {table} USING ("
        "workspace = current_setting('akin.workspace', true)"
        " OR current_setting('akin.workspace', true) = '*')"
    )
