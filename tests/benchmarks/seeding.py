"""Made-up workspaces of any size: a catalogue, people with a taste and a model in the serving form of LightFM.

Rows are made by PostgreSQL itself. Factors lie in clusters, with a spectrum that falls as that of models
which were learned.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import text

from services import database
from services.database import EVERY_WORKSPACE
from services.model_store import Data, Draft, ModelStore, encode_strings
from services.recommendations.loading import MODEL
from services.recommendations.models.lightfm import FOLD_IN

USERS = 2_000
REACTIONS = 30  # of each user
DIMENSIONS = 64
CLUSTERS = 100
GENRES = 20
SPREAD = 0.6  # of an item around its cluster, which lies at about 1
DECAY = 0.97  # from one dimension's share to the next

ITEMS = text("""
    INSERT INTO items (workspace, number, item_id, title, genres, labels, hidden, listed, revision)
    SELECT :workspace, n, 'item-' || n, 'The Title of ' || n, json_build_array('genre-' || n % :genres),
           '{}', false, true, 1
    FROM generate_series(0, :items - 1) n""")
STATE = text("""
    INSERT INTO catalogues (workspace, epoch, revision, generation, next_number)
    VALUES (:workspace, 0, 1, 0, :items)""")
REACTED = text("""
    INSERT INTO interactions
        (workspace, event_id, user_id, item_number, kind, occurred_at, recorded_at)
    SELECT :workspace, 'seed-' || u || '-' || k, 'user-' || u,
           (hashint8extended(u, k) & 2147483647) % :items,
           CASE WHEN k % 6 = 0 THEN 'dislike' ELSE 'like' END,
           now() - make_interval(mins => k), now()
    FROM generate_series(0, :users - 1) u, generate_series(1, :reactions) k""")
RATED = text("""
    INSERT INTO interactions
        (workspace, event_id, user_id, item_number, kind, value, occurred_at, recorded_at)
    SELECT :workspace, 'seed-' || n, 'user-' || u, i, 'rating',
           1 + (hashint8extended(n, 4) & 2147483647) % 9 / 2.0,
           now() - make_interval(secs => (hashint8extended(n, 5) & 2147483647) % 90000000), now()
    FROM (SELECT n,
                 -- Square and cube make the power law: few people and few items have most of it.
                 floor(:users * power((hashint8extended(n, 1) & 2147483647) / 2147483648.0, 2)) u,
                 floor(:items * power((hashint8extended(n, 2) & 2147483647) / 2147483648.0, 3)) i
          FROM generate_series(1, :rows) n) drawn""")
ML_1M = {"users": 6_040, "items": 3_706, "rows": 2_000_000}  # half of these repeat a pair


def seed(database_url: str, model_store_url: str, workspace: str, items: int) -> list[str]:
    """Make the workspace and return its users."""
    asyncio.run(_fill(database_url, workspace, items))
    publish(model_store_url, workspace, items)
    return [f"user-{number}" for number in range(USERS)]


def seed_ratings(database_url: str, workspace: str) -> None:
    """Make a workspace of the size of MovieLens 1M: 6,040 people, 3,706 items, a million ratings."""
    asyncio.run(_fill(database_url, workspace, ML_1M["items"], ratings=True))


async def _fill(url: str, workspace: str, items: int, *, ratings: bool = False) -> None:
    async with (
        database.connect(url) as opened,
        opened.transaction(EVERY_WORKSPACE) as connection,
    ):
        given = {"workspace": workspace, "items": items}
        await connection.execute(ITEMS, {**given, "genres": GENRES})
        await connection.execute(STATE, given)
        if ratings:
            await connection.execute(RATED, {"workspace": workspace, **ML_1M})
        else:
            await connection.execute(REACTED, {**given, "users": USERS, "reactions": REACTIONS})
        await connection.execute(text("ANALYZE items, interactions"))


def publish(url: str, workspace: str, items: int) -> None:
    """Publish a model of all items and let the alias point to it."""
    chance = np.random.default_rng(3)
    shares = np.float32(DECAY) ** np.arange(DIMENSIONS, dtype=np.float32)
    clusters = chance.standard_normal((CLUSTERS, DIMENSIONS), np.float32)
    factors = SPREAD * chance.standard_normal((items, DIMENSIONS), np.float32)
    factors += clusters[chance.integers(0, CLUSTERS, items)]
    names = [f"genre:genre-{number}" for number in range(GENRES)]
    arrays = {
        "numbers": np.arange(items, dtype=np.int32),
        "popularity": np.log1p(chance.pareto(1.2, items)).astype(np.float32),
        "factors": factors * shares,
        "biases": chance.standard_normal(items, np.float32),
        "feature_factors": chance.standard_normal((GENRES, DIMENSIONS), np.float32) * shares,
        "feature_biases": np.zeros(GENRES, np.float32),
        **encode_strings(names, name="features"),
    }
    store = ModelStore(url)
    version = store.publish(workspace, MODEL, arrays=arrays, manifest=_draft(items)).version
    store.promote(workspace, MODEL, version, expected=None, reason="benchmark")


def _draft(items: int) -> Draft:
    now = datetime.now(UTC)
    rows = USERS * REACTIONS
    return Draft(
        code_version="benchmark",
        data=Data(start=now, end=now, rows=rows, users=USERS, items=items, sha256="0" * 64),
        parameters={"model": "made up"},
        serving={"kind": "factors", "epoch": 0, "new_item_bias": -1.0, **FOLD_IN},
        metrics={},
        protocol={},
    )
