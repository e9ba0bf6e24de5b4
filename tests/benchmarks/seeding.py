"""Made-up workspaces of any size: a catalogue, people with a taste and a model in the serving form of LightFM.

PostgreSQL makes the rows itself. Factors lie in clusters, with a spectrum that falls as that of models
which were learned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import numpy as np

from services.model_store import Data, Draft, ModelStore, encode_strings
from services.recommendations.loading import MODEL
from services.recommendations.models.lightfm import FOLD_IN

USERS = 1_000
REACTIONS = 30  # of each user
DIMENSIONS = 64
CLUSTERS = 100
GENRES = 20
SPREAD = 0.6  # of an item around its cluster, which lies at about 1
DECAY = 0.97  # from one dimension's share to the next
ML_1M = (6_040, 3_706, 1_400_000)  # people, items, ratings drawn, of which many repeat a pair

Statement = tuple[str, Sequence[object]]

ITEMS = f"""
    INSERT INTO items (workspace, number, item_id, title, genres, labels, hidden, listed, revision)
    SELECT $1, n, 'item-' || n, 'The Title of ' || n, json_build_array('genre-' || n % {GENRES}),
           '{{}}', false, true, 1
    FROM generate_series(0, $2::int - 1) n"""
STATE = """
    INSERT INTO catalogues (workspace, epoch, revision, generation, next_number)
    VALUES ($1, 0, 1, 0, $2)"""
REACTED = """
    INSERT INTO interactions
        (workspace, event_id, user_id, item_number, kind, occurred_at, recorded_at)
    SELECT $1, 'seed-' || u || '-' || k, 'user-' || u,
           (hashint8extended(u, k) & 2147483647) % $2::int,
           CASE WHEN k % 6 = 0 THEN 'dislike' ELSE 'like' END,
           now() - make_interval(mins => k), now()
    FROM generate_series(0, $3::int - 1) u, generate_series(1, $4::int) k"""
# Square and cube make the power law: few people and few items have most of the ratings. Tastes are eight:
# two thirds of what people rate is of their own.
RATED = """
    INSERT INTO interactions
        (workspace, event_id, user_id, item_number, kind, value, occurred_at, recorded_at)
    SELECT DISTINCT ON (u, item) $1, 'seed-' || n, 'user-' || u, item, 'rating',
           1 + (hashint8extended(n, 4) & 2147483647) % 9 / 2.0,
           now() - make_interval(secs => (hashint8extended(n, 5) & 2147483647) % 90000000), now()
    FROM (SELECT n, u, CASE WHEN n % 3 = 0 THEN i ELSE least(i - i % 8 + u % 8, $3 - 1) END item FROM
          (SELECT n,
                 floor($2::int * ((hashint8extended(n, 1) & 2147483647) / 2147483648.0) ^ 2)::int u,
                 floor($3::int * ((hashint8extended(n, 2) & 2147483647) / 2147483648.0) ^ 3)::int i
           FROM generate_series(1, $4::int) n) drawn) tasted"""


def seed(database_url: str, model_store_url: str, workspace: str, items: int) -> list[str]:
    """Make a workspace with a model and return its users."""
    reacted = (REACTED, (workspace, items, USERS, REACTIONS))
    asyncio.run(_run(database_url, [*_catalogue(workspace, items), reacted]))
    publish(model_store_url, workspace, items)
    return [f"user-{number}" for number in range(USERS)]


def seed_ratings(database_url: str, workspace: str) -> None:
    """Make a workspace of the size of MovieLens 1M: 6,040 people, 3,706 items, a million ratings."""
    rated = (RATED, (workspace, *ML_1M))
    asyncio.run(_run(database_url, [*_catalogue(workspace, ML_1M[1]), rated]))


def _catalogue(workspace: str, items: int) -> list[Statement]:
    return [(ITEMS, (workspace, items)), (STATE, (workspace, items))]


async def _run(url: str, statements: Sequence[Statement]) -> None:
    # Not through services.database, whose statements may take a minute at most.
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute("SELECT set_config('akin.workspace', '*', false)")
        for statement, given in statements:
            await connection.execute(statement, *given)
        await connection.execute("ANALYZE items, interactions")
    finally:
        await connection.close()


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
