"""How much there is to train on, and the mark that tells what is new since a version was trained."""

from __future__ import annotations

from datetime import UTC, datetime

from services.anomaly_similarity import training_repository, vocabulary_repository
from services.anomaly_similarity.directory import Directory
from services.anomaly_similarity.directory_repository import COMPONENTS
from services.anomaly_similarity.feedback import Feedback, Given
from services.anomaly_similarity.loading import MODEL
from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.search.vocabulary import Entry
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.training import train
from services.anomaly_similarity.training_repository import Trainable
from services.database import EVERY_WORKSPACE, Database
from services.messages.types import VerdictRecorded
from services.model_store import ModelStore
from services.web.retraining import MARK
from tests.integration.anomaly_similarity.cases import KEY, record_fleet

LEAK = AnomalyBody(description="Leaks", component_ids=["pump"])
HOT = AnomalyBody(description="Hot")
DAY = datetime(2026, 1, 1, tzinfo=UTC)


async def stands(data: Database, workspace: str) -> Trainable | None:
    """Return what is told of the workspace, asked as the trainer asks."""
    async with data.reading(EVERY_WORKSPACE) as connection:
        found = await training_repository.trainable(connection)
    return next((each for each in found if each.workspace == workspace), None)


async def edit(data: Database, workspace: str, *, undo: bool = False) -> None:
    async with data.transaction(workspace) as connection:
        if undo:
            await vocabulary_repository.remove(connection, workspace, "cyl")
            return
        entry = Entry("cyl", "cylinder", "abbreviation", edited=True)
        await vocabulary_repository.put(connection, workspace, entry, DAY)


async def judge(data: Database, workspace: str, event_id: str) -> None:
    told = VerdictRecorded(anomaly_id="a", similar_anomaly_id="b", user_name="ada", useful=True)
    await Feedback(data).record(workspace, [Given(event_id, datetime.now(UTC), told)])


async def test_every_change_gives_another_mark_and_nothing_new_gives_none(
    data: Database, workspace: str
) -> None:
    records = Records(data)
    assert await stands(data, workspace) is None
    await records.put(workspace, [("a", LEAK), ("b", HOT)])
    marks = [await stands(data, workspace)]
    told = {"component_id": "pump", "name": "Pump", "location": "Hall 2"}
    for change in (
        edit(data, workspace),
        edit(data, workspace, undo=True),
        judge(data, workspace, "e1"),
        records.put(workspace, [("b", LEAK)]),
        Directory(data, COMPONENTS).put(workspace, [told]),
    ):
        await change
        marks.append(await stands(data, workspace))
    assert all(each and each.rows == 2 for each in marks)
    assert len({each.mark for each in marks if each}) == 6

    await judge(data, workspace, "e1")  # again
    await records.put(workspace, [("b", LEAK)])
    assert await stands(data, workspace) == marks[-1]


async def test_deleted_anomalies_do_not_count_and_a_cleanup_begins_another_epoch(
    data: Database, workspace: str
) -> None:
    records = Records(data)
    await records.put(workspace, [("a", LEAK), ("b", HOT)])
    before = await stands(data, workspace)
    await records.delete(workspace, "a")
    after = await stands(data, workspace)
    assert before
    assert after
    assert (before.rows, after.rows) == (2, 1)
    assert before.mark != after.mark

    await records.clean(workspace, datetime.now(UTC))
    assert await stands(data, workspace) is None
    await records.put(workspace, [("a", LEAK)])
    again = await stands(data, workspace)
    assert again
    assert (again.rows, again.epoch) == (1, before.epoch + 1)


async def test_a_version_tells_the_mark_of_what_it_was_trained_on(
    data: Database, store: ModelStore, workspace: str
) -> None:
    await record_fleet(data, workspace, rounds=2)
    await judge(data, workspace, "e1")
    published = await train(data, store, workspace, key=KEY, late=())
    standing = await stands(data, workspace)
    manifest = store.manifest(workspace, MODEL, published.version)
    assert standing
    assert manifest.protocol[MARK] == standing.mark
    assert (manifest.data.rows, manifest.serving["epoch"]) == (standing.rows, standing.epoch)
