"""Catalogues, items, interactions and impressions of the recommendations service."""

import sqlalchemy as sa
from alembic import op

from services.database.columns import UtcDateTime
from services.database.row_level_security import isolate

revision = "0001"
down_revision = None


def _workspace() -> sa.Column[str]:
    return sa.Column("workspace", sa.String(64), nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "catalogues",
        _workspace(),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("next_number", sa.Integer, nullable=False),
        sa.Column("cleaned_at", UtcDateTime),
        sa.PrimaryKeyConstraint("workspace"),
    )
    op.create_table(
        "items",
        _workspace(),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("item_id", sa.String(200), nullable=False),
        sa.Column("title", sa.String(500)),
        sa.Column("genres", sa.JSON, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("published_at", UtcDateTime),
        sa.Column("hidden", sa.Boolean, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("workspace", "number"),
        sa.UniqueConstraint("workspace", "item_id", name="items_item_id"),
    )
    op.create_index("items_revision", "items", ["workspace", "revision"])
    op.create_table(
        "interactions",
        _workspace(),
        sa.Column("event_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(200), nullable=False),
        sa.Column("item_number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("value", sa.Float),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("recommendation_id", sa.String(200)),
        sa.PrimaryKeyConstraint("workspace", "event_id"),
    )
    op.create_index("interactions_user", "interactions", ["workspace", "user_id"])
    op.create_table(
        "impressions",
        _workspace(),
        sa.Column("recommendation_id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(200), nullable=False),
        sa.Column("shown_at", UtcDateTime, nullable=False),
        sa.Column("items", sa.LargeBinary, nullable=False),
        sa.Column("sources", sa.String(100), nullable=False),
        sa.Column("model_version", sa.String(100)),
        sa.PrimaryKeyConstraint("workspace", "recommendation_id"),
    )
    op.create_index("impressions_user", "impressions", ["workspace", "user_id"])
    for table in ("catalogues", "items", "interactions", "impressions"):
        isolate(table)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("impressions", "interactions", "items", "catalogues"):
        op.drop_table(table)
