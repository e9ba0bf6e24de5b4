"""Rules, scenarios, experiments and erasures; what chance had to do with a list."""

import sqlalchemy as sa
from alembic import op

from services.database.columns import UtcDateTime
from services.database.row_level_security import isolate

revision = "0003"
down_revision = "0002"

NAMED = ("rules", "scenarios", "experiments")


def _key(name: str, length: int) -> list[sa.Column[str]]:
    return [
        sa.Column("workspace", sa.String(64), primary_key=True),
        sa.Column(name, sa.String(length), primary_key=True),
    ]


def upgrade() -> None:
    """Make the tables."""
    span = [
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
    ]
    for table in NAMED:
        more = span if table == "experiments" else []
        definition = sa.Column("definition", sa.JSON, nullable=False)
        op.create_table(table, *_key("name", 200), definition, *more)
        isolate(table)
    op.create_table(
        "erasures",
        *_key("receipt_id", 36),
        sa.Column("user_hash", sa.String(64), nullable=False),
        sa.Column("requested_at", UtcDateTime, nullable=False),
        sa.Column("rows_done_at", UtcDateTime),
        sa.Column("caches_done_at", UtcDateTime),
        sa.Column("model_done_at", UtcDateTime),
    )
    op.create_index("erasures_user", "erasures", ["workspace", "user_hash"])
    op.create_index("erasures_time", "erasures", ["workspace", "requested_at"])
    isolate("erasures")
    op.add_column("impressions", sa.Column("propensities", sa.LargeBinary))
    for name in ("scenario", "experiment", "variant"):
        op.add_column("impressions", sa.Column(name, sa.String(200)))
    op.create_index("impressions_time", "impressions", ["workspace", "shown_at"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index("impressions_time", "impressions")
    with op.batch_alter_table("impressions") as impressions:
        for name in ("variant", "experiment", "scenario", "propensities"):
            impressions.drop_column(name)
    for table in ("erasures", *reversed(NAMED)):
        op.drop_table(table)
