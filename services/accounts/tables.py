"""The tables of the accounts service; no other service reads them.

How they grow: `revocations` with tokens revoked and clients deleted, and shrinks as these expire.
"""

from sqlalchemy import Column, ForeignKey, Index, MetaData, String, Table, UniqueConstraint

from services.database import UtcDateTime

metadata = MetaData()

workspaces = Table(
    "workspaces",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
)

clients = Table(
    "clients",
    metadata,
    Column("workspace", String(64), ForeignKey("workspaces.workspace"), primary_key=True),
    Column("client_id", String(36), primary_key=True),
    Column("username", String(200), nullable=False),
    Column("name", String(200), nullable=False),
    Column("email", String(254), nullable=False),
    # Lower case: one mailbox registers once, however it is written.
    Column("email_key", String(254), nullable=False),
    Column("secret_hash", String(200), nullable=False),
    Column("scopes", String(500), nullable=False),  # separated by spaces
    Column("created_at", UtcDateTime, nullable=False),
    # Over the whole installation: a request for a token names no workspace.
    UniqueConstraint("client_id", name="clients_client_id"),
    UniqueConstraint("username", name="clients_username"),
    UniqueConstraint("email_key", name="clients_email_key"),
)

revocations = Table(
    "revocations",
    metadata,
    Column("workspace", String(64), primary_key=True),
    # The id of a token, or of a client for all its tokens that expire by `expires_at`.
    Column("revoked_id", String(36), primary_key=True),
    Column("expires_at", UtcDateTime, primary_key=True),
    Column("recorded_at", UtcDateTime, nullable=False),
    Index("revocations_recorded_at", "recorded_at"),
    Index("revocations_expires_at", "expires_at"),
)
