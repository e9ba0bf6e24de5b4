"""The tables of the recommendations service; no other service reads them.

How they grow: `items` with the catalogue, `interactions` with the events, `impressions` with the
lists that were served (one row a list, eight bytes an item), `erasures` with the people who asked for
it; `rules`, `scenarios` and `experiments` with what operators write by hand.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from services.database import UtcDateTime

metadata = MetaData()

catalogues = Table(
    "catalogues",
    metadata,
    Column("workspace", String(64), primary_key=True),
    # Grows with every cleanup, which voids the item numbers.
    Column("epoch", Integer, nullable=False),
    # Grows with every change of an item: replicas load what is newer than what they hold.
    Column("revision", BigInteger, nullable=False),
    # Grows with every import and cleanup; it is part of every cache key, so that nothing cached before
    # survives, wherever it is cached.
    Column("generation", Integer, nullable=False),
    Column("next_number", Integer, nullable=False),
    Column("cleaned_at", UtcDateTime),
)

items = Table(
    "items",
    metadata,
    Column("workspace", String(64), primary_key=True),
    # Dense from 0 in each workspace and epoch: the row of the item in every array of a model.
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("item_id", String(200), nullable=False),
    Column("title", String(500)),
    Column("genres", JSON, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("published_at", UtcDateTime),
    Column("hidden", Boolean, nullable=False),
    # False: known only because an event named it, or deleted. Never recommended until added.
    Column("listed", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    UniqueConstraint("workspace", "item_id", name="items_item_id"),
    Index("items_revision", "workspace", "revision"),
)

interactions = Table(
    "interactions",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("event_id", String(200), primary_key=True),
    Column("user_id", String(200), nullable=False),
    Column("item_number", Integer, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("value", Float),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("recommendation_id", String(200)),
    Index("interactions_user", "workspace", "user_id"),
)

impressions = Table(
    "impressions",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("recommendation_id", String(36), primary_key=True),
    Column("user_id", String(200), nullable=False),
    Column("shown_at", UtcDateTime, nullable=False),
    Column("items", LargeBinary, nullable=False),  # item numbers, int32, little endian, best first
    Column("sources", String(100), nullable=False),  # a letter an item: m, e, p, f, r
    # The probability with which each item came to its list, float32, little endian: 1 for what was not
    # left to chance. Without it nothing can be learned from what was shown without bias.
    Column("propensities", LargeBinary),
    Column("model_version", String(100)),
    Column("scenario", String(200)),
    Column("experiment", String(200)),
    Column("variant", String(200)),
    Index("impressions_user", "workspace", "user_id"),
    # Reports read a span of time; rows come in its order, so that a few pages of index are enough.
    Index("impressions_time", "workspace", "shown_at"),
)

rules = Table(
    "rules",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("definition", JSON, nullable=False),  # schemas of control_schemas.py
)

scenarios = Table(
    "scenarios",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("definition", JSON, nullable=False),
)

experiments = Table(
    "experiments",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("definition", JSON, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)

erasures = Table(
    "erasures",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("receipt_id", String(36), primary_key=True),
    # sha256 of workspace and user id: enough to drop what still travels, and no list of who left.
    Column("user_hash", String(64), nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("rows_done_at", UtcDateTime),
    Column("caches_done_at", UtcDateTime),
    Column("model_done_at", UtcDateTime),
    Index("erasures_user", "workspace", "user_hash"),
    Index("erasures_time", "workspace", "requested_at"),
)
