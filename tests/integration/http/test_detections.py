"""`anomaly.detected` over the broker: the anomaly is there, with what was detected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services import broker
from services.messages.envelope import Event
from services.messages.types import AnomalyDetected
from tests.integration.http.stage import Api, Platform, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def detected(api: Api, event_id: str = "e1", **changes: Any) -> Event:
    told = {
        "anomaly_id": "d1",
        "series": "press-7",
        "channels": ("temperature", "pressure"),
        "began_at": BEGAN,
        "ended_at": BEGAN + timedelta(minutes=5),
        "detector": "matrix_profile",
        "shape": (21.3, None, 48.9),
    }
    data = AnomalyDetected(**(told | changes))
    now = datetime.now(UTC)
    return Event(id=event_id, source="/tests", time=now, workspace=api.workspace, data=data)


async def is_there(api: Api, anomaly_id: str) -> bool:
    return (await api.get(f"/anomalies/{anomaly_id}")).status_code == 200


async def test_a_detected_anomaly_can_be_read_found_and_edited(
    api: Api, platform: Platform
) -> None:
    event = detected(api)
    async with broker.connect(platform.settings.broker) as connected:
        await connected.publish([event])
        await until(lambda: is_there(api, "d1"))
        told = (await api.get("/anomalies/d1")).json()
        asked = {"task_result_id": told["detection"]["task_result_id"], "wait": 10}
        assert (await api.get("/similarities", params=asked)).json()["status"] == "done"
        assert told["timestamp"] == "2026-01-31T12:00:00Z"
        detection = {
            "series": "press-7",
            "channels": ["temperature", "pressure"],
            "from": "2026-01-31T12:00:00Z",
            "to": "2026-01-31T12:05:00Z",
            "detector": "matrix_profile",
            "shape": [21.3, None, 48.9],
            "task_result_id": asked["task_result_id"],
        }
        assert told["detection"] == detection
        (listed,) = (await api.get("/anomalies", params={"q": "press-7"})).json()["anomalies"]
        assert listed == {name: value for name, value in told.items() if name != "detection"}

        edit = {"description": "Seal worn", "solution": "Replaced it", "outcome": "solved"}
        assert (await api.put("/anomalies/d1", json=edit)).status_code == 200
        await connected.publish([event, detected(api, "e2", anomaly_id="d2")])
        await until(lambda: is_there(api, "d2"))
    told = (await api.get("/anomalies/d1")).json()
    assert (told["description"], told["detection"]) == ("Seal worn", detection)
    refused = await api.put("/anomalies/d1", json=edit | {"detection": None})
    assert refused.status_code == 422


async def test_one_that_does_not_fit_goes_to_the_dead_letters_and_the_others_are_recorded(
    api: Api, platform: Platform
) -> None:
    wrong = detected(api, "wrong", anomaly_id="d0", ended_at=BEGAN - timedelta(days=1))
    async with broker.connect(platform.settings.broker) as connected:
        await connected.publish([wrong, detected(api)])
        await until(lambda: is_there(api, "d1"))

        async def is_dead() -> bool:
            return bool(await connected.dead_letters(10))

        await until(is_dead)
        letters = await connected.dead_letters(10)
        await connected.discard([letter.id for letter in letters])
    assert any("cannot end before it begins" in letter.reason for letter in letters)
    assert not await is_there(api, "d0")
