"""The tables of the anomaly-similarity service; no other service reads them.

How they grow: `anomalies` and its links with what is recorded, about 570 bytes a short text with its
links and indexes; a deleted one leaves an empty row. `anomaly_imports` with the imports of a week;
`vocabulary_edits` with what operators write by hand.
`anomaly_detections` with what detectors find, up to 2.5 kB each, 2 kB of them the shape. `verdicts` with
what operators say, about 300 bytes each.
`similarity_requests` with the questions of 30 days, some 3 kB each with its answer. `anomaly_outbox` has what
the broker has not confirmed yet: nothing, mostly.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from services.database import UtcDateTime

metadata = MetaData()

corpora = Table(
    "anomaly_corpora",
    metadata,
    Column("workspace", String(64), primary_key=True),
    # Grows with every cleanup: who follows begins anew.
    Column("epoch", Integer, nullable=False),
    # Grows with every change: who follows reads what is newer than what it holds.
    Column("revision", BigInteger, nullable=False),
    # Until when it was cleaned up: what was said by then and arrives later is dropped.
    Column("cleaned_at", UtcDateTime),
    # Grows with every edit of the vocabulary: who follows reads the edits anew.
    Column("vocabulary", BigInteger, nullable=False),
)

anomalies = Table(
    "anomalies",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("anomaly_id", String(200), primary_key=True),
    Column("description", Text, nullable=False),
    Column("severity", String(100)),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("recommended_product", String(200)),
    Column("solution", Text),
    Column("outcome", String(20), nullable=False),
    Column("attributes", JSON, nullable=False),
    # Id, description and solution without case and accents: what `q` looks through.
    Column("folded", Text, nullable=False),
    # True: emptied, and kept for those who follow.
    Column("deleted", Boolean, nullable=False),
    # When it was deleted last, though recorded again since: what was said by then and arrives later is dropped.
    Column("deleted_at", UtcDateTime),
    Column("written_at", UtcDateTime, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index("anomalies_revision", "workspace", "revision"),
    Index("anomalies_time", "workspace", "occurred_at", "anomaly_id"),
    Index("anomalies_severity", "workspace", "severity", "occurred_at"),
    Index("anomalies_product", "workspace", "recommended_product", "occurred_at"),
)

components = Table(
    "components",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("component_id", String(200), primary_key=True),
    Column("name", String(500)),
    Column("location", String(500)),
    Column("status", String(500)),
    Column("component_type", String(500)),
    Column("written_at", UtcDateTime, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index("components_revision", "workspace", "revision"),
)

profiles = Table(
    "profiles",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("user_name", String(200), primary_key=True),
    Column("role", String(500)),
    Column("email", String(500)),
    Column("written_at", UtcDateTime, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index("profiles_revision", "workspace", "revision"),
)

anomaly_components = Table(
    "anomaly_components",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("anomaly_id", String(200), primary_key=True),
    Column("component_id", String(200), primary_key=True),
    Index("anomaly_components_component", "workspace", "component_id"),
)

anomaly_users = Table(
    "anomaly_users",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("anomaly_id", String(200), primary_key=True),
    Column("user_name", String(200), primary_key=True),
    Index("anomaly_users_user", "workspace", "user_name"),
)

imports = Table(
    "anomaly_imports",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("import_id", String(36), primary_key=True),
    Column("imported_at", UtcDateTime, nullable=False),
    Column("rejects", Text, nullable=False),  # CSV: line, reason, text
)

detections = Table(
    "anomaly_detections",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("anomaly_id", String(200), primary_key=True),
    Column("series", String(200), nullable=False),
    Column("channels", JSON, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("detector", String(200), nullable=False),
    Column("shape", LargeBinary, nullable=False),  # float64, little endian; NaN: a gap
    Column("task_result_id", String(200)),  # of the search that it started
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("event_id", String(200), primary_key=True),
    Column("anomaly_id", String(200), nullable=False),
    Column("similar_anomaly_id", String(200), nullable=False),
    Column("user_name", String(200), nullable=False),
    Column("useful", Boolean, nullable=False),
    Column("solved", Boolean),
    Column("task_result_id", String(200)),
    Column("recorded_at", UtcDateTime, nullable=False),  # when the event was accepted
    Index("verdicts_anomaly", "workspace", "anomaly_id"),
    Index("verdicts_case", "workspace", "similar_anomaly_id"),
)

similarity_requests = Table(
    "similarity_requests",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("task_result_id", String(36), primary_key=True),
    Column("user_name", String(200), nullable=False),
    Column("anomaly_id", String(200), nullable=False),
    Column("question", Text, nullable=False),  # JSON: limit and filters
    Column("requested_at", UtcDateTime, nullable=False),
    Column("status", String(10), nullable=False),  # pending, done, failed
    Column("attempts", Integer, nullable=False),  # computations that were begun
    Column("result", Text),  # JSON, ready to be sent
    Column("finished_at", UtcDateTime),
    Column("callback_url", Text),
    Column("callback_attempts", Integer, nullable=False),
    Column("callback_due_at", UtcDateTime),  # None: nobody is to be told, or not any more
    Index("similarity_requests_time", "requested_at"),
    Index("similarity_requests_status", "status"),
    Index("similarity_requests_due", "callback_due_at"),
)

outbox = Table(
    "anomaly_outbox",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("event_id", String(36), primary_key=True),
    Column("body", Text, nullable=False),  # a CloudEvents batch of this event
    Column("written_at", UtcDateTime, nullable=False),
    Index("anomaly_outbox_time", "written_at"),
)

vocabulary_edits = Table(
    "vocabulary_edits",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("term", String(200), primary_key=True),
    Column("stands_for", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
)
