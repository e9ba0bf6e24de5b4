"""Following the records by revision: what a replica's index is kept up to date with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.anomaly_similarity import directory_repository, repository
from services.anomaly_similarity.directory import Directory
from services.anomaly_similarity.directory_repository import COMPONENTS
from services.anomaly_similarity.repository import CorpusState
from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.service import Records
from services.database import Database

LEAK = AnomalyBody(description="Leaks", component_ids=["pump"])
HOT = AnomalyBody(description="Hot")


class Follower:
    """Holds what it was told, and where it stands."""

    def __init__(self, data: Database, workspace: str) -> None:
        self.data, self.workspace = data, workspace
        self.held: dict[str, str] = {}
        self.state = CorpusState()

    async def follow(self) -> set[str]:
        """Catch up; return the ids of what changed."""
        changed: set[str] = set()
        async with self.data.reading(self.workspace) as connection:
            state = await repository.corpus_state(connection, self.workspace)
            if state.epoch != self.state.epoch:
                self.held, self.state = {}, CorpusState()
            after = self.state.revision
            async for part in repository.changed_anomalies(connection, self.workspace, after):
                for each in part:
                    changed.add(each.anomaly_id)
                    self.held.pop(each.anomaly_id, None)
                    if each.anomaly is not None:
                        self.held[each.anomaly_id] = each.anomaly.description
        self.state = state
        return changed


@pytest.fixture
def follower(data: Database, workspace: str) -> Follower:
    return Follower(data, workspace)


@pytest.fixture
def records(data: Database) -> Records:
    return Records(data)


async def test_a_follower_gets_what_changed_since_and_nothing_twice(
    records: Records, follower: Follower, workspace: str
) -> None:
    await records.put(workspace, [("a", LEAK), ("b", HOT)])
    assert await follower.follow() == {"a", "b"}
    assert await follower.follow() == set()
    await records.put(workspace, [("a", LEAK), ("b", LEAK), ("c", HOT)])
    assert await follower.follow() == {"b", "c"}
    await records.delete(workspace, "a")
    assert await follower.follow() == {"a"}
    assert follower.held == {"b": "Leaks", "c": "Hot"}
    await records.put(workspace, [("a", HOT)])
    assert await follower.follow() == {"a"}
    assert follower.held["a"] == "Hot"


async def test_more_than_fits_at_once_comes_in_parts(
    records: Records, follower: Follower, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "FOLLOWED", 3)
    await records.put(workspace, [(f"a{n}", HOT) for n in range(9)])
    await records.put(workspace, [("b", HOT)])
    assert len(await follower.follow()) == 10


async def test_an_anomaly_changes_when_a_component_that_it_names_is_deleted(
    data: Database, records: Records, follower: Follower, workspace: str
) -> None:
    await records.put(workspace, [("a", LEAK), ("b", HOT)])
    await follower.follow()
    components = Directory(data, COMPONENTS)
    await components.put(workspace, [{"component_id": "pump", "name": "Pump", "location": None}])
    assert await follower.follow() == set()  # the component changed, no anomaly
    await components.delete(workspace, "pump")
    assert await follower.follow() == {"a"}


async def test_components_are_followed_by_the_same_revisions(
    data: Database, records: Records, workspace: str
) -> None:
    await records.put(workspace, [("a", LEAK)])

    async def changed(after: int) -> list[str | None]:
        async with data.reading(workspace) as connection:
            found = await directory_repository.changed(connection, workspace, COMPONENTS, after)
        return [each["component_id"] for each in found]

    assert await changed(0) == ["pump"]
    assert await changed(1) == []
    told = {"component_id": "hose", "name": None, "location": None}
    await Directory(data, COMPONENTS).put(workspace, [told])
    assert await changed(1) == ["hose"]


async def test_nothing_that_writers_do_at_the_same_time_is_missed(
    records: Records, follower: Follower, workspace: str
) -> None:
    async def write(first: str) -> None:
        for n in range(10):
            await records.put(workspace, [(f"{first}{n}", HOT)])

    writing = asyncio.gather(*(write(first) for first in "abcd"))
    seen: set[str] = set()
    while not writing.done():
        seen |= await follower.follow()
        await asyncio.sleep(0)
    await writing
    seen |= await follower.follow()
    assert len(seen) == len(follower.held) == 40


async def test_a_cleanup_takes_what_was_written_by_then_and_starts_followers_anew(
    records: Records, follower: Follower, workspace: str
) -> None:
    await records.put(workspace, [("old", LEAK), ("both", LEAK)])
    await follower.follow()
    cleaned_at = datetime.now(UTC)
    await asyncio.sleep(0.002)
    await records.put(workspace, [("both", HOT), ("new", LEAK)])
    for _ in range(2):  # the event may come twice
        await records.clean(workspace, cleaned_at)
        assert await follower.follow() == {"both", "new"}
        assert follower.held == {"both": "Hot", "new": "Leaks"}
    stored = await records.get(workspace, "new")
    assert stored is not None
    assert stored.component_ids == ("pump",)


async def test_rejects_are_kept_for_a_week(
    data: Database, records: Records, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await records.keep_rejects(workspace, "line,reason,text\r\n")
    assert await records.kept_rejects(workspace, first) == "line,reason,text\r\n"
    monkeypatch.setattr(
        "services.anomaly_similarity.cleanup_repository.KEPT", timedelta(seconds=-1)
    )
    second = await records.keep_rejects(workspace, "")
    assert await records.kept_rejects(workspace, first) is None
    assert await records.kept_rejects(workspace, second) == ""
