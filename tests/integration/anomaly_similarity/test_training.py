"""From records to a published version, which serves where it is not worse than what served."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from services.anomaly_similarity import training, verdict_repository, vocabulary_repository
from services.anomaly_similarity.loading import MODEL, words_of
from services.anomaly_similarity.search.training import NotEnoughCases
from services.anomaly_similarity.search.vocabulary import Entry
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.snapshots import load
from services.anomaly_similarity.training import Published, train
from services.anomaly_similarity.verdict_repository import StoredVerdict
from services.database import Database
from services.model_store import ModelStore
from tests.integration.anomaly_similarity.cases import KEY, body, record_fleet
from tests.unit.anomaly_similarity.search.fleet import case

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def trained(data: Database, store: ModelStore, workspace: str) -> Published:
    return await train(data, store, workspace, key=KEY, late=["shift"])


async def test_a_training_is_published_with_all_that_is_known_of_it(
    data: Database, store: ModelStore, workspace: str
) -> None:
    await record_fleet(data, workspace)
    stages: list[str] = []
    found = await train(
        data, store, workspace, key=KEY, late=["shift"], report=lambda s, _: stages.append(s)
    )
    current = store.current(workspace, MODEL)
    assert current is not None
    assert (current.version, found.promoted) == (found.version, True)
    version = store.load(workspace, MODEL, found.version)
    manifest = version.manifest
    assert manifest.parameters == {"relevant_by": list(KEY), "late": ["shift"]}
    assert (manifest.data.rows, manifest.data.items) == (240, 240)
    methods = {each["method"] for each in manifest.metrics["evaluation"]["methods"]}
    assert {"random", "chosen", "bm25", "labels"} <= methods
    assert words_of(version).vocabulary.version == manifest.serving["vocabulary"]
    assert b"Chosen: " in version.files["report.html"]
    assert stages[0] == "reading"
    assert stages[-1] == "done"


async def test_the_same_records_give_the_same_version_and_nothing_moves(
    data: Database, store: ModelStore, workspace: str
) -> None:
    await record_fleet(data, workspace)
    first, second = [await trained(data, store, workspace) for _ in range(2)]
    assert first.version == second.version
    assert not second.promoted
    assert "serves already" in second.reason
    assert len(store.history(workspace, MODEL)) == 1


async def test_a_training_without_anything_to_judge_by_does_not_replace_one_that_was_judged(
    data: Database, store: ModelStore, workspace: str
) -> None:
    await record_fleet(data, workspace)
    good = await trained(data, store, workspace)
    blind = await train(data, store, workspace, key=(), late=())
    assert not blind.promoted
    assert blind.evaluation["methods"] == []
    current = store.current(workspace, MODEL)
    assert current is not None
    assert current.version == good.version


async def test_what_serves_is_judged_beside_by_what_it_chose(
    data: Database, store: ModelStore, workspace: str
) -> None:
    await record_fleet(data, workspace)
    await trained(data, store, workspace)
    await Records(data).put(workspace, [("new", body(case(9_999, "leaking bucket")))])
    second = await trained(data, store, workspace)
    assert second.champion is not None
    assert second.promoted
    assert "Against what the champion chose: +0.0000 MRR" in second.reason


async def test_a_name_that_no_anomaly_has_is_told(
    data: Database, store: ModelStore, workspace: str
) -> None:
    await record_fleet(data, workspace, rounds=2)
    found = await train(data, store, workspace, key=["prat"], late=())
    assert "No anomaly has a value of 'prat'." in found.evaluation["notes"]


async def test_nothing_to_learn_from_changes_nothing(
    data: Database, store: ModelStore, workspace: str
) -> None:
    with pytest.raises(NotEnoughCases):
        await trained(data, store, workspace)
    assert store.current(workspace, MODEL) is None


async def test_edits_are_in_the_model_and_what_they_overrule_is_kept(
    data: Database, store: ModelStore, workspace: str
) -> None:
    told = [(f"a{n}", body(case(n, "replace the bucket"))) for n in range(30)]
    await Records(data).put(workspace, [*told, ("b", body(case(30, "repalce the bucket")))])
    async with data.transaction(workspace) as connection:
        edit = Entry("repalce", "repalce", "synonym", edited=True)
        await vocabulary_repository.put(connection, workspace, edit, NOW)
    version = store.load(workspace, MODEL, (await trained(data, store, workspace)).version)
    words = words_of(version)
    assert words.vocabulary.read("repalce") == ["repalce"]
    assert words.reading([]).read("repalce") == ["replace"]


async def test_verdicts_are_pairs_of_the_training(
    data: Database, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record_fleet(data, workspace, rounds=1)

    async def told(*_: object) -> list[StoredVerdict]:
        return [StoredVerdict("A0003", "A0001", "ada", False, None, NOW)]

    async with data.reading(workspace) as connection:
        before = await load(connection, workspace, key=KEY, late=())
        monkeypatch.setattr(verdict_repository, "all_verdicts", told)
        after = await load(connection, workspace, key=KEY, late=())
    (verdict,) = after.corpus.verdicts
    assert (verdict.query_id, verdict.case_id, verdict.useful) == ("A0003", "A0001", False)
    assert after.operators == 1
    assert before.sha256 != after.sha256


async def test_somebody_who_moves_the_alias_meanwhile_goes_first(
    data: Database, store: ModelStore, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record_fleet(data, workspace, rounds=2)
    first = await trained(data, store, workspace)
    await Records(data).put(workspace, [("new", body(case(9_999, "leaking bucket")))])
    weigh = training.weigh

    def moved_meanwhile(*words: object, **more: object) -> object:
        current = store.current(workspace, MODEL)
        assert current is not None
        store.promote(
            workspace, MODEL, first.version, expected=current.generation, reason="by hand"
        )
        return weigh(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "weigh", moved_meanwhile)
    second = await asyncio.wait_for(trained(data, store, workspace), 60)
    assert not second.promoted
    assert "Somebody else" in second.reason
