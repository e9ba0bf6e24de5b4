"""Who answers follows the records, the vocabulary and the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from services.anomaly_similarity import serving, vocabulary_repository
from services.anomaly_similarity.answers import Answer, Filters
from services.anomaly_similarity.directory import Directory
from services.anomaly_similarity.directory_repository import COMPONENTS
from services.anomaly_similarity.feedback import Feedback, Given
from services.anomaly_similarity.loading import MODEL, VOCABULARY
from services.anomaly_similarity.repository import Wanted
from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.search.vocabulary import Entry
from services.anomaly_similarity.searcher import Searcher
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.serving import UNTRAINED
from services.anomaly_similarity.training import train
from services.anomaly_similarity.vocabulary_editing import VocabularyEditor
from services.database import Database
from services.messages.types import VerdictRecorded
from services.model_store import Draft, ModelStore
from tests.integration.anomaly_similarity.cases import KEY, record_fleet

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REPALCE = {"term": "repalce", "stands_for": "replace", "kind": "typo"}
PUMP = AnomalyBody(description="Pump leaking", solution="Replaced the seal", outcome="solved")


@pytest_asyncio.fixture
async def searcher(data: Database, store: ModelStore) -> AsyncIterator[Searcher]:
    made = Searcher(data, store)
    yield made
    await made.close()


@pytest.fixture
def records(data: Database) -> Records:
    return Records(data)


def asked(description: str, **more: object) -> Case:
    return Case("", description, NOW, **more)  # type: ignore[arg-type]


def ids(answer: Answer | None) -> list[str]:
    assert answer is not None
    return [found.anomaly.anomaly_id for found in answer.cases]


async def trained(data: Database, store: ModelStore, workspace: str) -> str:
    return (await train(data, store, workspace, key=KEY, late=["shift"])).version


@pytest.mark.parametrize("known", [0, 1])
async def test_with_nothing_or_one_anomaly_nothing_is_similar(
    searcher: Searcher, records: Records, workspace: str, known: int
) -> None:
    if known:
        await records.put(workspace, [("a", PUMP)])
        assert (await searcher.for_anomaly(workspace, "a")) == Answer(
            cases=[], solutions=[], abstained=True, model_version=UNTRAINED
        )
    assert await searcher.for_anomaly(workspace, "nobody") is None
    assert (await searcher.for_case(workspace, asked("weather"))).abstained


async def test_what_was_recorded_is_found_by_the_next_answer_and_what_is_deleted_never_again(
    searcher: Searcher, records: Records, workspace: str
) -> None:
    await records.put(workspace, [("a", PUMP)])
    assert ids(await searcher.for_case(workspace, asked("leaking pump"))) == ["a"]
    await records.put(workspace, [("b", AnomalyBody(description="Unheard-of zeppelin torn"))])
    assert ids(await searcher.for_case(workspace, asked("zeppelin torn")))[0] == "b"
    await records.put(workspace, [("b", PUMP)])
    assert ids(await searcher.for_anomaly(workspace, "b")) == ["a"]
    await records.delete(workspace, "a")
    assert ids(await searcher.for_anomaly(workspace, "b")) == []
    await records.clean(workspace, datetime.now(UTC))
    assert await searcher.for_anomaly(workspace, "b") is None


async def test_an_answer_has_the_case_as_stored_the_reasons_and_what_fixed_it(
    searcher: Searcher, records: Records, workspace: str
) -> None:
    await records.put(workspace, [("a", PUMP), ("b", AnomalyBody(description="Engine hot"))])
    answer = await searcher.for_case(workspace, asked("PUMP leaking!"), limit=1)
    (found,) = answer.cases
    assert (found.anomaly, answer.abstained) == (await records.get(workspace, "a"), False)
    assert {reason.term for reason in found.reasons} == {"pump", "leaking"}
    (solution,) = answer.solutions
    assert (solution.text, solution.tried, solution.solved) == ("Replaced the seal", 1, 1)


async def test_what_has_nothing_in_common_is_not_shown(
    searcher: Searcher, records: Records, workspace: str
) -> None:
    await records.put(workspace, [("a", PUMP), ("b", AnomalyBody(description="Engine hot"))])
    assert ids(await searcher.for_case(workspace, asked("leaking pump"))) == ["a"]


async def test_filters_leave_out_what_is_not_asked_for(
    searcher: Searcher, records: Records, workspace: str
) -> None:
    high = PUMP.model_copy(update={"severity": "high"})
    await records.put(workspace, [("a", PUMP), ("b", high)])
    found = await searcher.for_case(
        workspace, asked("leaking pump"), filters=Filters(severity="high")
    )
    assert ids(found) == ["b"]


async def test_other_workspaces_have_nothing_to_do_with_it(
    searcher: Searcher, records: Records, workspace: str
) -> None:
    await records.put(workspace, [("a", PUMP)])
    assert await searcher.for_anomaly(f"{workspace}-b", "a") is None
    assert ids(await searcher.for_case(f"{workspace}-b", asked("leaking pump"))) == []


async def test_a_workspace_that_left_the_memory_comes_back(
    data: Database, store: ModelStore, records: Records, workspace: str
) -> None:
    searcher = Searcher(data, store, maximum=1)
    await records.put(workspace, [("a", PUMP)])
    for _ in range(2):
        assert ids(await searcher.for_case(workspace, asked("leaking pump"))) == ["a"]
        assert ids(await searcher.for_case("another", asked("leaking pump"))) == []


async def test_a_component_tells_its_type_and_place(
    searcher: Searcher, data: Database, records: Records, workspace: str
) -> None:
    components = Directory(data, COMPONENTS)
    await records.put(workspace, [("a", PUMP.model_copy(update={"component_ids": ["p1"]}))])
    held = searcher._get(workspace)
    for place in ("roof", "cellar"):
        told = {"component_id": "p1", "name": None, "location": place, "component_type": "pump"}
        await components.put(workspace, [{**told, "status": None}])
        await held.follow()
        case = held.records.cases["a"]
        assert (case.component_types, case.locations) == (("pump",), (place,))
    await components.delete(workspace, "p1")
    await held.follow()
    assert held.records.cases["a"].locations == ()


async def test_an_edit_of_the_vocabulary_changes_the_next_answer_and_its_undoing_too(
    searcher: Searcher, data: Database, records: Records, workspace: str
) -> None:
    await records.put(workspace, [("a", PUMP), ("b", AnomalyBody(description="Engine hot"))])
    editor = VocabularyEditor(data, searcher)
    assert ids(await searcher.for_case(workspace, asked("Kreiselheber"))) == []
    await editor.put(workspace, "KREISELHEBER", "Pump leaking", "synonym")
    assert ids(await searcher.for_case(workspace, asked("Kreiselheber")))[0] == "a"
    assert (await searcher.vocabulary(workspace)).entries["kreiselheber"].edited
    assert await editor.undo(workspace, "kreiselheber")
    assert not await editor.undo(workspace, "kreiselheber")
    assert ids(await searcher.for_case(workspace, asked("Kreiselheber"))) == []


async def test_a_trained_model_serves_from_the_next_look_on_with_edits_made_since(
    searcher: Searcher, data: Database, store: ModelStore, workspace: str
) -> None:
    await record_fleet(data, workspace)
    query = asked("leaks badly radiator")
    assert (await searcher.for_case(workspace, query)).model_version == UNTRAINED
    version = await trained(data, store, workspace)
    await searcher.tend()
    answer = await searcher.for_case(workspace, query)
    assert answer.model_version == version
    assert {f.anomaly.attributes["part"] for f in answer.cases} == {"radiator"}

    await VocabularyEditor(data, searcher).put(workspace, "rad", "radiator", "abbreviation")
    found = await searcher.for_case(workspace, asked("rad leaking"))
    assert {f.anomaly.attributes["part"] for f in found.cases} == {"radiator"}
    assert found.model_version == version


@pytest.mark.parametrize("file", ["vocabulary.json", "calibration.npy"])
async def test_a_damaged_version_changes_nothing(
    searcher: Searcher, data: Database, store: ModelStore, workspace: str, tmp_path: Path, file: str
) -> None:
    await record_fleet(data, workspace)
    first = await trained(data, store, workspace)
    await searcher.tend(workspace)
    query = asked("leaking radiator")
    assert (await searcher.for_case(workspace, query)).model_version == first
    await Records(data).put(workspace, [("new", AnomalyBody(description="Radiator leaking"))])
    second = await trained(data, store, workspace)
    assert second != first
    path = tmp_path / "models" / workspace / MODEL / second / file
    path.write_bytes(path.read_bytes().replace(b"a", b"b") + b" ")
    for _ in range(2):
        await searcher.tend()
        assert (await searcher.for_case(workspace, query)).model_version == first
    assert "new" in ids(await searcher.for_case(workspace, query, limit=100))


def promote_altered(
    store: ModelStore, workspace: str, version: str, **altered: Mapping[str, object]
) -> None:
    """Publish the version with other arrays or files, and let the alias name it."""
    loaded = store.load(workspace, MODEL, version)
    given = {name: getattr(loaded.manifest, name) for name in Draft.__struct_fields__}
    parts: dict[str, Any] = {
        name: {**getattr(loaded, name), **altered.get(name, {})} for name in ("arrays", "files")
    }
    other = store.publish(workspace, MODEL, manifest=Draft(**given), **parts)
    current = store.current(workspace, MODEL)
    assert current is not None
    expected = current.generation
    store.promote(workspace, MODEL, other.version, expected=expected, reason="test")


@pytest.mark.parametrize(
    "altered",
    [
        {"files": {VOCABULARY: json.dumps({"learned": [], "edits": [REPALCE]}).encode()}},
        {"files": {VOCABULARY: b"{"}},
        {"arrays": {"calibration": np.array([np.nan])}},
        {"arrays": {"calibration": np.ones(2)}},
        {"arrays": {"space.characters.idf": np.ones(3, np.float32)}},
    ],
    ids=["other vocabulary", "no vocabulary", "no numbers", "calibration", "terms"],
)
async def test_a_version_that_does_not_fit_or_gives_no_numbers_is_refused(
    searcher: Searcher,
    data: Database,
    store: ModelStore,
    workspace: str,
    altered: dict[str, dict[str, object]],
) -> None:
    await record_fleet(data, workspace, rounds=3)
    good = await trained(data, store, workspace)
    assert (await searcher.for_case(workspace, asked("leaking"))).model_version == good
    promote_altered(store, workspace, good, **altered)
    for _ in range(2):
        await searcher.tend()
        assert (await searcher.for_case(workspace, asked("leaking"))).model_version == good


async def test_an_index_is_made_anew_when_most_of_its_rows_are_of_replaced_cases(
    searcher: Searcher,
    data: Database,
    store: ModelStore,
    records: Records,
    workspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "SMALL", 0)
    monkeypatch.setattr(serving, "PATIENCE", 60.0)
    await record_fleet(data, workspace)
    await trained(data, store, workspace)
    await searcher.tend(workspace)
    cases = await records.find(workspace, Wanted(), text=None, limit=10_000)
    for severity in ("low", "middle", "high"):
        told = [
            AnomalyBody(description=each.description, timestamp=each.occurred_at, severity=severity)
            for each in cases
        ]
        ids_told = [each.anomaly_id for each in cases]
        await records.put(workspace, list(zip(ids_told, told, strict=True)))
        assert (await searcher.for_case(workspace, asked("leaking radiator"))).cases
        held = await searcher._get(workspace).follow()
        assert held.index is not None
        assert len(held.index) == len(cases)
        assert held.index.rows <= 2 * len(cases)


async def test_a_model_from_before_a_cleanup_serves_no_more(
    searcher: Searcher, data: Database, store: ModelStore, records: Records, workspace: str
) -> None:
    await record_fleet(data, workspace)
    await trained(data, store, workspace)
    await searcher.tend(workspace)
    assert (await searcher.for_case(workspace, asked("leaking radiator"))).cases
    await records.clean(workspace, datetime.now(UTC))
    await records.put(workspace, [("a", PUMP)])
    answer = await searcher.for_case(workspace, asked("leaking pump"))
    assert (ids(answer), answer.model_version) == (["a"], UNTRAINED)


async def test_while_an_index_is_built_the_old_one_answers_and_nothing_is_missed(
    searcher: Searcher,
    data: Database,
    records: Records,
    workspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await records.put(workspace, [("a", PUMP)])
    assert ids(await searcher.for_case(workspace, asked("leaking pump"))) == ["a"]
    monkeypatch.setattr(serving, "PATIENCE", 0.0)
    monkeypatch.setattr(serving, "SMALL", 0)
    async with data.transaction(workspace) as connection:
        entry = Entry("kreiselheber", "pump leaking", "synonym", edited=True)
        await vocabulary_repository.put(connection, workspace, entry, NOW)
    await records.put(workspace, [("b", PUMP)])  # one that is known by the words of the old index

    answers = [await searcher.for_case(workspace, asked("leaking pump"))]
    await records.delete(workspace, "a")
    answers.append(await searcher.for_case(workspace, asked("leaking pump")))
    assert [sorted(ids(each)) for each in answers] == [["a", "b"], ["b"]]
    await searcher.close()
    assert ids(await searcher.for_case(workspace, asked("kreiselheber"))) == ["b"]


async def test_writers_and_askers_at_once_miss_nothing(
    searcher: Searcher, records: Records, workspace: str
) -> None:
    async def write(first: str) -> None:
        for n in range(8):
            name = f"{first}{n}"
            await records.put(workspace, [(name, PUMP)])
            found = await searcher.for_case(workspace, asked("leaking pump"), limit=100)
            assert name in ids(found)

    await asyncio.gather(*(write(first) for first in "abc"))


def _verdict(
    case_id: str, *, useful: bool, solved: bool | None = None, days: int = 1, by: str = "ada"
) -> Given:
    told = VerdictRecorded(
        anomaly_id="q", similar_anomaly_id=case_id, user_name=by, useful=useful, solved=solved
    )
    return Given(f"{case_id}-{by}", NOW - timedelta(days=days), told)


async def test_verdicts_leave_out_what_was_useless_and_count_what_solved(
    searcher: Searcher, records: Records, data: Database, workspace: str
) -> None:
    hose = PUMP.model_copy(update={"solution": "New hose", "outcome": "open"})
    await records.put(workspace, [("q", PUMP), ("a", PUMP), ("b", hose)])
    before = await searcher.for_anomaly(workspace, "q")
    assert sorted(ids(before)) == ["a", "b"]
    assert before is not None
    assert before.solutions[0].text == "Replaced the seal"
    told = [
        _verdict("a", useful=False),
        _verdict("a", useful=True, days=2, by="bob"),
        _verdict("b", useful=True, solved=True),
        _verdict("b", useful=False, days=2, by="bob"),
    ]
    await Feedback(data).record(workspace, told)
    after = await searcher.for_anomaly(workspace, "q")
    assert ids(after) == ["b"]
    assert after is not None
    assert [(s.text, s.tried, s.solved) for s in after.solutions] == [("New hose", 1, 1)]


async def test_loading_many_cases_leaves_the_loop_free(
    searcher: Searcher,
    data: Database,
    workspace: str,
    record_property: Callable[[str, object], None],
) -> None:
    await record_fleet(data, workspace, rounds=200)  # 2,400
    longest, done = 0.0, asyncio.Event()

    async def watch() -> None:
        nonlocal longest
        clock = asyncio.get_running_loop().time
        while not done.is_set():
            before = clock()
            await asyncio.sleep(0.001)
            longest = max(longest, clock() - before)

    watching = asyncio.create_task(watch())
    await searcher.for_case(workspace, asked("leaking radiator"))
    done.set()
    await watching
    record_property("shown", f"loading 2,400 cases: the loop waited {longest * 1000:.0f} ms")
    assert len(searcher._get(workspace).records.cases) == 2_400
