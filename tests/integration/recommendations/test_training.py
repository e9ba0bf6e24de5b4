"""From rows in a database to a served model, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete

from services import database
from services.database import EVERY_WORKSPACE, Database
from services.model_store import ModelStore
from services.recommendations import demo, repository, snapshots
from services.recommendations.catalogue import Item
from services.recommendations.datasets import NotEnoughData
from services.recommendations.imports import NewInteraction
from services.recommendations.loading import MODEL
from services.recommendations.repository import CatalogueState
from services.recommendations.scoring import History, load_scorer
from services.recommendations.tables import catalogues, interactions, items
from services.recommendations.training import train

ITEMS = [
    Item(number, film.item_id, film.title, film.genres, film.labels)
    for number, film in enumerate(demo.items())
]
NUMBERS = {item.item_id: item.number for item in ITEMS}
TOLD = demo.interactions()
NOW = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
async def db(
    request: pytest.FixtureRequest, tmp_path: Path, workspace: str
) -> AsyncIterator[Database]:
    if request.param == "PostgreSQL":
        url = request.getfixturevalue("database_url")
    else:
        url = f"sqlite+aiosqlite:///{tmp_path}/akin.db"
        await database.migrate(url)
    async with database.connect(url) as opened:
        yield opened
        async with opened.transaction(EVERY_WORKSPACE) as connection:
            for table in (interactions, items, catalogues):
                mine = table.c.workspace.startswith(workspace)
                await connection.execute(delete(table).where(mine))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(f"file://{tmp_path}/models")


async def fill(db: Database, workspace: str, told: list[NewInteraction]) -> None:
    rows = [
        {
            "workspace": workspace,
            "event_id": each.event_id,
            "user_id": each.interaction.user_id,
            "item_number": NUMBERS[each.interaction.item_id],
            "kind": each.interaction.kind,
            "value": each.interaction.value,
            "occurred_at": each.interaction.occurred_at,
            "recorded_at": NOW,
        }
        for each in told
    ]
    async with db.transaction(workspace) as connection:
        state = CatalogueState(epoch=2, next_number=len(ITEMS))
        await repository.save_state(connection, workspace, state)
        await repository.insert_items(connection, workspace, ITEMS, 1)
        await database.insert_new(connection, interactions, rows, returning=interactions.c.event_id)


async def test_reactions_become_a_model_that_knows_tastes(
    db: Database, workspace: str, store: ModelStore
) -> None:
    await fill(db, workspace, TOLD)
    stages: list[str] = []
    report = await train(db, store, workspace, report=lambda stage, _: stages.append(stage))

    assert report.chosen != "popularity"
    assert report.promoted
    assert report.data.rows == len(TOLD)
    assert stages[0] == "reading"
    assert stages[-1] == "done"
    version = store.load(workspace, MODEL, report.version)
    assert version.manifest.serving["epoch"] == 2
    scorer = load_scorer(version)
    scorer.place(ITEMS, len(ITEMS))
    comedies = [item.number for item in ITEMS if item.genres[0] == "Comedy"][:3]
    (scores,) = scorer.score([History(np.array(comedies, np.int32), np.ones(3, np.float32))])
    scores[comedies] = -np.inf
    best = [ITEMS[number] for number in np.argsort(-scores)[:10]]
    assert sum("Comedy" in item.genres for item in best) >= 7


async def test_the_same_rows_give_the_same_version_whatever_the_order_of_arrival(
    db: Database, workspace: str, store: ModelStore
) -> None:
    other = f"{workspace}-too"
    await fill(db, workspace, TOLD)
    await fill(db, other, TOLD[::-1])
    one, same = await train(db, store, workspace), await train(db, store, other)
    assert one.version == same.version


async def test_a_snapshot_has_the_latest_reactions_of_its_own_workspace_only(
    db: Database, workspace: str
) -> None:
    first = TOLD[0].interaction
    await fill(db, workspace, TOLD)
    await fill(db, f"{workspace}-other", TOLD[:7])
    async with db.transaction(workspace) as connection:
        changed = {
            "workspace": workspace,
            "event_id": "later",
            "user_id": first.user_id,
            "item_number": NUMBERS[first.item_id],
            "kind": "rating",
            "value": 3.0,
            "occurred_at": NOW,
            "recorded_at": NOW,
        }
        await database.insert_new(
            connection, interactions, [changed], returning=interactions.c.event_id
        )
    async with db.reading(workspace) as connection:
        dataset = await snapshots.load(connection, workspace)
    told = dataset.interactions
    assert len(told) == len(TOLD)
    assert dataset.read == len(TOLD) + 1
    user = list(told.user_ids).index(first.user_id)
    newest = told.history(user)
    assert newest.items[-1] == NUMBERS[first.item_id]
    assert newest.weights[-1] == pytest.approx(0.2)
    assert dataset.items == ITEMS


async def test_an_empty_workspace_is_a_sentence(
    db: Database, workspace: str, store: ModelStore
) -> None:
    with pytest.raises(NotEnoughData, match="no items"):
        await train(db, store, workspace)
    assert store.current(workspace, MODEL) is None


async def test_training_leaves_the_event_loop_free(
    db: Database, workspace: str, store: ModelStore
) -> None:
    await fill(db, workspace, TOLD)
    training = asyncio.create_task(train(db, store, workspace))
    turns = 0
    while not training.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert (await training).promoted
    assert turns > 10
