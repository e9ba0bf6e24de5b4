"""What detectors find becomes an anomaly with its shape, once, and never against what operators did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services import broker
from services.anomaly_similarity import outbox, repository, shape_repository
from services.anomaly_similarity.detecting import Detections
from services.anomaly_similarity.records import Anomaly, Detection
from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.tables import similarity_requests
from services.broker import Broker
from services.database import Database
from services.messages.types import MAX_POINTS, AnomalyDetected

BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)
LEAK = AnomalyBody(description="Leaks", solution="Tightened")


def found(**changes: Any) -> AnomalyDetected:
    told = {
        "anomaly_id": "d1",
        "series": "press-7",
        "channels": ("temperature", "pressure"),
        "began_at": BEGAN,
        "ended_at": BEGAN + timedelta(minutes=5),
        "detector": "matrix_profile",
        "severity": "high",
        "shape": (21.3, None, 48.9),
        "attributes": {"line": "A", "score": 0.93},
    }
    return AnomalyDetected(**(told | changes))


async def asked(data: Database, workspace: str) -> list[tuple[str, str]]:
    """The questions that are stored: their ids and anomalies."""
    of = similarity_requests.c
    query = select(of.task_result_id, of.anomaly_id).where(of.workspace == workspace)
    async with data.reading(workspace) as connection:
        return [(row[0], row[1]) for row in await connection.execute(query)]


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Broker]:
    async with broker.connect(f"journal://{tmp_path}/journal.db") as connected:
        yield connected


@pytest.fixture
async def detections(data: Database, journal: Broker) -> AsyncIterator[Detections]:
    async with outbox.opened(data, journal) as opened:
        yield Detections(data, journal, opened)


async def stored(data: Database, workspace: str) -> tuple[Anomaly | None, Detection | None]:
    records = Records(data)
    return await records.get(workspace, "d1"), await records.detection(workspace, "d1")


async def test_an_anomaly_is_made_with_its_shape_and_similar_ones_are_asked_for(
    data: Database, detections: Detections, workspace: str
) -> None:
    now = datetime.now(UTC)
    for _ in range(2):  # the event may come twice
        await detections.record(workspace, [(now, found())])
    anomaly, detection = await stored(data, workspace)
    assert anomaly == Anomaly(
        anomaly_id="d1",
        description="Unusual temperature, pressure of press-7, "
        "2026-01-31 12:00:00 to 2026-01-31 12:05:00 UTC",
        occurred_at=BEGAN,
        severity="high",
        attributes={"line": "A", "score": 0.93},
    )
    assert detection is not None
    assert (detection.series, detection.channels) == ("press-7", ("temperature", "pressure"))
    assert (detection.began_at, detection.ended_at) == (BEGAN, BEGAN + timedelta(minutes=5))
    assert detection.detector == "matrix_profile"
    assert [(detection.task_result_id, "d1")] == await asked(data, workspace)


async def test_shapes_are_found_by_the_anomalys_id_as_they_were_measured(
    data: Database, detections: Detections, workspace: str
) -> None:
    now, long = datetime.now(UTC), tuple(n / 7 for n in range(MAX_POINTS))
    told = [found(), found(anomaly_id="d2", shape=None), found(anomaly_id="d3", shape=long)]
    await detections.record(workspace, [(now, each) for each in told])
    async with data.reading(workspace) as connection:
        shapes = await shape_repository.shapes(connection, workspace, ["d1", "d2", "d3", "d4"])
        others = await shape_repository.shapes(connection, f"{workspace}-2", ["d1"])
    assert shapes.keys() == {"d1", "d3"}
    np.testing.assert_array_equal(shapes["d1"], [21.3, np.nan, 48.9])
    assert tuple(shapes["d3"]) == long
    assert others == {}


async def test_what_a_detector_says_of_it_is_kept_word_for_word(
    data: Database, detections: Detections, workspace: str
) -> None:
    many = tuple(f"c{n}" for n in range(7))
    told = [
        found(description="Temperature climbs"),
        found(anomaly_id="d2", description=" \n", channels=many),
    ]
    await detections.record(workspace, [(BEGAN, each) for each in told])
    words = {i: await Records(data).get(workspace, i) for i in ("d1", "d2")}
    assert words["d1"] is not None
    assert words["d2"] is not None
    assert words["d1"].description == "Temperature climbs"
    assert words["d2"].description.startswith("Unusual c0, c1, c2, c3, c4 and 2 more of press-7")


async def test_an_operators_edit_and_deletion_outlast_a_redelivery(
    data: Database, detections: Detections, workspace: str
) -> None:
    event = (datetime.now(UTC), found())
    await detections.record(workspace, [event])
    records = Records(data)
    _, (edited,) = await records.put(workspace, [("d1", LEAK)])
    await detections.record(workspace, [event])
    anomaly, detection = await stored(data, workspace)
    assert anomaly == edited
    assert detection is not None

    await records.delete(workspace, "d1")
    await detections.record(workspace, [event])
    assert await stored(data, workspace) == (None, None)
    await records.put(workspace, [("d1", LEAK)])
    await detections.record(workspace, [event])
    assert (await stored(data, workspace))[1] is None
    assert [anomaly_id for _, anomaly_id in await asked(data, workspace)] == ["d1"]


async def test_an_anomaly_that_an_operator_recorded_first_gets_the_detection_alone(
    data: Database, detections: Detections, workspace: str
) -> None:
    _, (recorded,) = await Records(data).put(workspace, [("d1", LEAK)])
    async with data.reading(workspace) as connection:
        before = (await repository.corpus_state(connection, workspace)).revision
    await detections.record(workspace, [(datetime.now(UTC), found())])
    anomaly, detection = await stored(data, workspace)
    assert anomaly == recorded
    assert detection is not None
    assert [anomaly_id for _, anomaly_id in await asked(data, workspace)] == ["d1"]
    async with data.reading(
        workspace
    ) as connection:  # who follows the anomalies has to see the shape
        changed = [i async for i in repository.changed_anomalies(connection, workspace, before)]
    assert [[each.anomaly_id for each in part] for part in changed] == [["d1"]]


async def test_of_two_detections_under_one_id_the_first_holds(
    data: Database, detections: Detections, workspace: str
) -> None:
    now = datetime.now(UTC)
    await detections.record(workspace, [(now, found()), (now, found(series="press-8"))])
    await detections.record(workspace, [(now, found(series="press-9"))])
    detection = (await stored(data, workspace))[1]
    assert detection is not None
    assert detection.series == "press-7"


async def test_a_cleanup_takes_detections_and_what_was_found_before_it_stays_away(
    data: Database, detections: Detections, workspace: str
) -> None:
    event = (datetime.now(UTC), found())
    await detections.record(workspace, [event])
    await Records(data).clean(workspace, datetime.now(UTC))
    await detections.record(workspace, [event])
    assert await stored(data, workspace) == (None, None)
    later = (datetime.now(UTC), found())
    await detections.record(workspace, [later])
    assert None not in await stored(data, workspace)


async def test_a_cleanup_takes_what_was_accepted_before_it_though_it_arrives_later(
    data: Database, detections: Detections, workspace: str
) -> None:
    accepted = datetime.now(UTC)
    cleaned_at = accepted + timedelta(microseconds=1)
    later = cleaned_at + timedelta(microseconds=1)
    told = [(accepted, found()), (later, found(anomaly_id="d2"))]
    await detections.record(workspace, told)
    await Records(data).clean(workspace, cleaned_at)
    assert await stored(data, workspace) == (None, None)
    assert await Records(data).get(workspace, "d2") is not None


@given(deeds=st.lists(st.sampled_from(["deliver", "put", "delete", "clean"]), max_size=8))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_operators_do_between_deliveries_their_word_is_the_last(
    data: Database, detections: Detections, workspace: str, deeds: list[str]
) -> None:
    records = Records(data)
    await records.clean(workspace, datetime.now(UTC))
    event = (datetime.now(UTC), found())
    words: str | None = None
    detected = ended = False
    for deed in deeds:
        if deed == "deliver":
            await detections.record(workspace, [event])
            words = words or (None if ended else "Unusual")
            detected = not ended
        elif deed == "put":
            await records.put(workspace, [("d1", LEAK)])
            words = "Leaks"
        else:
            if deed == "delete":
                await records.delete(workspace, "d1")
            else:
                await records.clean(workspace, datetime.now(UTC))
            ended = ended or deed == "clean" or words is not None
            words, detected = None, False
        anomaly, detection = await stored(data, workspace)
        assert (anomaly and anomaly.description.split()[0]) == words
        assert (detection is not None) == detected


@pytest.mark.parametrize(
    "wrong",
    [
        {"ended_at": BEGAN - timedelta(seconds=1)},
        {"anomaly_id": "a\n"},
        {"severity": ""},
        {"description": "x\x07"},
        {"attributes": {"": 1}},
        {"attributes": {f"a{n}": n for n in range(51)}},
    ],
)
async def test_what_a_request_would_be_refused_for_is_refused_and_nothing_is_written(
    data: Database, detections: Detections, workspace: str, wrong: dict[str, Any]
) -> None:
    told = [(BEGAN, found()), (BEGAN, found(**({"anomaly_id": "d2"} | wrong)))]
    with pytest.raises(ValueError):
        await detections.record(workspace, told)
    assert await stored(data, workspace) == (None, None)
