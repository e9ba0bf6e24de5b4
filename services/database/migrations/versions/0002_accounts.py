"""Workspaces, clients and revocations of the accounts service, with the workspace `default`."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from services.database.columns import UtcDateTime
from services.database.row_level_security import isolate

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    workspaces = op.create_table(
        "workspaces",
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace"),
    )
    op.create_table(
        "clients",
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("client_id", sa.String(36), nullable=False),
        sa.Column("username", sa.String(200), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("secret_hash", sa.String(200), nullable=False),
        sa.Column("scopes", sa.String(500), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "client_id"),
        sa.ForeignKeyConstraint(["workspace"], ["workspaces.workspace"]),
        sa.UniqueConstraint("client_id", name="clients_client_id"),
        sa.UniqueConstraint("username", name="clients_username"),
        sa.UniqueConstraint("email_key", name="clients_email_key"),
    )
    op.create_table(
        "revocations",
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("revoked_id", sa.String(36), nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "revoked_id", "expires_at"),
    )
    op.create_index("revocations_recorded_at", "revocations", ["recorded_at"])
    op.create_index("revocations_expires_at", "revocations", ["expires_at"])
    op.bulk_insert(workspaces, [{"workspace": "default", "created_at": datetime.now(UTC)}])
    for table in ("workspaces", "clients", "revocations"):
        isolate(table)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("revocations", "clients", "workspaces"):
        op.drop_table(table)
