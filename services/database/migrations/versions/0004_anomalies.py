"""Anomalies and what they name, imports, detections, verdicts, questions for similar ones, the outbox, vocabularies."""

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
    "anomaly_detections",
    "verdicts",
    "similarity_requests",
    "anomaly_outbox",
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
        sa.Column("cleaned_at", UtcDateTime),
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
        sa.Column("deleted_at", UtcDateTime),
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
    _detections()
    _verdicts()
    _requests()
    op.create_table(
        "vocabulary_edits",
        *_key("term"),
        sa.Column("stands_for", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("written_at", UtcDateTime, nullable=False),
    )
    for table in TABLES:
        isolate(table)


def _detections() -> None:
    op.create_table(
        "anomaly_detections",
        *_key("anomaly_id"),
        sa.Column("series", sa.String(200), nullable=False),
        sa.Column("channels", sa.JSON, nullable=False),
        sa.Column("began_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=False),
        sa.Column("detector", sa.String(200), nullable=False),
        sa.Column("shape", sa.LargeBinary, nullable=False),
        sa.Column("task_result_id", sa.String(200)),
    )


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        *_key("event_id"),
        sa.Column("anomaly_id", sa.String(200), nullable=False),
        sa.Column("similar_anomaly_id", sa.String(200), nullable=False),
        sa.Column("user_name", sa.String(200), nullable=False),
        sa.Column("useful", sa.Boolean, nullable=False),
        sa.Column("solved", sa.Boolean),
        sa.Column("task_result_id", sa.String(200)),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
    )
    _index("verdicts", "anomaly", "anomaly_id")
    _index("verdicts", "case", "similar_anomaly_id")


def _requests() -> None:
    op.create_table(
        "similarity_requests",
        *_key("task_result_id", length=36),
        sa.Column("user_name", sa.String(200), nullable=False),
        sa.Column("anomaly_id", sa.String(200), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("requested_at", UtcDateTime, nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("finished_at", UtcDateTime),
        sa.Column("callback_url", sa.Text),
        sa.Column("callback_attempts", sa.Integer, nullable=False),
        sa.Column("callback_due_at", UtcDateTime),
    )
    op.create_table(
        "anomaly_outbox",
        *_key("event_id", length=36),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("written_at", UtcDateTime, nullable=False),
    )
    # Asked for all workspaces at once, by the worker alone.
    for table, name, column in (
        ("similarity_requests", "time", "requested_at"),
        ("similarity_requests", "status", "status"),
        ("similarity_requests", "due", "callback_due_at"),
        ("anomaly_outbox", "time", "written_at"),
    ):
        op.create_index(f"{table}_{name}", table, [column])


def _directory(table: str, key: str, *fields: str) -> None:
    told = [sa.Column(name, sa.String(500)) for name in fields]
    op.create_table(table, *_key(key), *told, *_written())


def _index(table: str, name: str, *columns: str) -> None:
    op.create_index(f"{table}_{name}", table, ["workspace", *columns])


def downgrade() -> None:
    """Drop the tables."""
    for table in reversed(TABLES):
        op.drop_table(table)
