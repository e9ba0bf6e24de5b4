"""Other programs are told which anomalies changed; that they cannot be told stops nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services import broker
from services.anomaly_similarity import outbox
from services.anomaly_similarity.detecting import Detections
from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.service import Records
from services.broker import Broker
from services.database import Database
from services.messages.types import AnomalyChanged, AnomalyDetected

LEAK = AnomalyBody(description="Leaks")
HOT = AnomalyBody(description="Hot")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Broker]:
    async with broker.connect(f"journal://{tmp_path}/journal.db") as connected:
        yield connected


async def test_what_was_written_and_deleted_is_told_and_what_stayed_is_not(
    data: Database, journal: Broker, workspace: str
) -> None:
    heard: list[tuple[str, set[str]]] = []
    ready = asyncio.Event()

    async def listen() -> None:
        async with aclosing(journal.listen("anomaly.changed")) as events:
            async for event in events:
                assert isinstance(event.data, AnomalyChanged)
                ready.set()
                heard.append((event.data.change, set(event.data.anomaly_ids)))

    records = Records(data, journal)
    listening = asyncio.create_task(listen())
    async with asyncio.timeout(20):
        number = 0
        while not ready.is_set():  # until it listens
            await records.put(workspace, [(f"first{number}", LEAK)])
            number += 1
            await asyncio.sleep(0.02)
        await records.put(workspace, [("a", LEAK), ("b", LEAK)])
        await records.put(workspace, [("a", LEAK), ("b", HOT), ("c", HOT)])
        await records.put(workspace, [("a", LEAK)])
        await records.delete(workspace, "a")
        await records.delete(workspace, "a")
        now = datetime.now(UTC)
        found = AnomalyDetected(
            anomaly_id="d",
            series="s",
            channels=("c",),
            began_at=now,
            ended_at=now,
            detector="d",
        )
        async with outbox.opened(data, journal) as opened:
            for _ in range(2):
                await Detections(data, journal, opened).record(workspace, [(now, found)])
        while ("upserted", {"d"}) not in heard:
            await asyncio.sleep(0.02)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    told = heard[heard.index(("upserted", {"a", "b"})) :]
    assert told == [
        ("upserted", {"a", "b"}),
        ("upserted", {"b", "c"}),
        ("deleted", {"a"}),
        ("upserted", {"d"}),
    ]


async def test_without_the_broker_records_are_written_all_the_same(
    data: Database, workspace: str
) -> None:
    async with broker.connect("amqp://guest:guest@127.0.0.1:1/") as away:
        records = Records(data, away)
        await records.put(workspace, [("a", LEAK)])
        assert await records.get(workspace, "a") is not None
        assert await records.delete(workspace, "a")
