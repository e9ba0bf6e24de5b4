"""Anomalies, components, profiles, their links, what imports refused, edits of the vocabulary."""

import sqlalchemy as sa
from alembic import op

from services.database.columns import UtcDateTime
from services.database.row_level_security import isolate

revision = "0004"
down_revision = "0003"

TABLES = (
    "anomaly_corpora",
    "anomalies",
    "components",
    "profiles",
    "anomaly_components",
    "anomaly_users",
    "anomaly_imports",
    "vocabulary_edits",
)


def _key(*names: str, length: int = 200) -> list[sa.Column[str]]:
    workspace = sa.Column("workspace", sa.String(64), primary_key=True)
    return [workspace, *(sa.Column(name, sa.String(length), primary_key=True) for name in names)]


def _written() -> list[sa.Column[object]]:
    return [
        sa.Column("written_at", UtcDateTime, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    ]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "anomaly_corpora",
        *_key(),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("vocabulary", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "anomalies",
        *_key("anomaly_id"),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("severity", sa.String(100)),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("recommended_product", sa.String(200)),
        sa.Column("solution", sa.Text),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        *_written(),
    )
    _index("anomalies", "time", "occurred_at", "anomaly_id")
    _index("anomalies", "severity", "severity", "occurred_at")
    _index("anomalies", "product", "recommended_product", "occurred_at")
    _directory("components", "component_id", "name", "location", "status", "component_type")
    _directory("profiles", "user_name", "role", "email")
    for table in ("anomalies", "components", "profiles"):
        _index(table, "revision", "revision")
    op.create_table("anomaly_components", *_key("anomaly_id", "component_id"))
    _index("anomaly_components", "component", "component_id")
    op.create_table("anomaly_users", *_key("anomaly_id", "user_name"))
    _index("anomaly_users", "user", "user_name")
    op.create_table(
        "anomaly_imports",
        *_key("import_id", length=36),
        sa.Column("imported_at", UtcDateTime, nullable=False),
        sa.Column("rejects", sa.Text, nullable=False),
    )
    op.create_table(
        "vocabulary_edits",
        *_key("term"),
        sa.Column("stands_for", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("written_at", UtcDateTime, nullable=False),
    )
    for table in TABLES:
        isolate(table)


def _directory(table: str, key: str, *fields: str) -> None:
    told = [sa.Column(name, sa.String(500)) for name in fields]
    op.create_table(table, *_key(key), *told, *_written())


def _index(table: str, name: str, *columns: str) -> None:
    op.create_index(f"{table}_{name}", table, ["workspace", *columns])


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
