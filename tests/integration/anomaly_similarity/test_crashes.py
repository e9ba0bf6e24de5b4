"""A question that was taken is answered, once, whatever process dies and whatever is away."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from services import broker
from services.anomaly_similarity import outbox
from services.anomaly_similarity.answer_schemas import Ask
from services.anomaly_similarity.asking import Asker
from services.anomaly_similarity.outbox import Outbox
from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.tables import similarity_requests
from services.anomaly_similarity.worker import service as worker
from services.broker import Broker
from services.database import Database
from services.messages.types import SimilarityComputed
from services.web.application import create_app
from services.web.config import PlatformSettings
from tests.integration.http.stage import delete_queues, running, until

pytestmark = pytest.mark.xdist_group("relays")

STUCK = Path(__file__).with_name("stuck_worker.py")
ROOT = Path(__file__).parents[3]


@dataclass
class Place:
    """A workspace with two anomalies alike, and what is told of its questions."""

    data: Database
    settings: PlatformSettings
    workspace: str
    broker: Broker
    told: list[SimilarityComputed] = field(default_factory=list)

    async def ask(self, outbox_: Outbox) -> str:
        """Take a question as the HTTP process does."""
        async with Asker(self.data, outbox_) as asker:
            asked = await asker.ask(self.workspace, Ask(anomaly_id="a"))
        assert asked is not None
        return asked

    async def status(self) -> tuple[str, int]:
        of = similarity_requests.c
        async with self.data.reading(self.workspace) as connection:
            query = select(of.status, of.attempts).where(of.workspace == self.workspace)
            row = (await connection.execute(query)).one()
        return row[0], row[1]

    async def is_done(self) -> bool:
        return (await self.status())[0] == "done"

    async def listen(self) -> None:
        async with aclosing(self.broker.listen("similarity.computed")) as events:
            async for event in events:
                if isinstance(event.data, SimilarityComputed):
                    self.told.append(event.data)


@pytest.fixture
async def place(
    data: Database, workspace: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Place]:
    home, queue = tmp_path / "home", f"journal:///{tmp_path}/journal.db"
    home.mkdir()
    if not data.is_sqlite:
        queue = f"{request.getfixturevalue('amqp_url')}?prefix=test-{uuid.uuid4().hex[:12]}."
    settings = PlatformSettings(
        home=home,
        database_url=SecretStr(data.engine.url.render_as_string(hide_password=False)),
        broker_url=SecretStr(queue),
        log_level="warning",
        log_style="text",
    )
    both = [("a", AnomalyBody(description="Leaks oil")), ("b", AnomalyBody(description="Oil leak"))]
    await Records(data).put(workspace, both)
    async with broker.connect(queue) as connected:
        await connected.check()
        made = Place(data, settings, workspace, connected)
        listening = asyncio.create_task(made.listen())
        yield made
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    await delete_queues(queue)


async def test_a_process_that_dies_between_commit_and_publish_loses_no_question(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(Outbox):
        def announce(self, _: object) -> None:
            """It died."""

    await place.ask(Dying(place.data, place.broker))
    async with running(create_app(worker, settings=place.settings)):
        await until(place.is_done)
        await until(lambda: told(place, 1))
    assert await place.status() == ("done", 1)


async def told(place: Place, count: int) -> bool:
    return len(place.told) >= count


async def test_a_worker_that_is_killed_while_it_computes_leaves_one_answer_by_another(
    place: Place, tmp_path: Path
) -> None:
    mark = tmp_path / "stuck"
    environment = {**os.environ, **place.settings.environment(), "PYTHONPATH": str(ROOT)}
    environment["AKIN_ANOMALY_SIMILARITY_WORKER_PORT"] = "0"
    stuck = subprocess.Popen([sys.executable, STUCK, mark], env=environment, cwd=ROOT)
    try:
        async with outbox.opened(place.data, place.broker) as box:
            await place.ask(box)
        await until(lambda: asyncio.to_thread(mark.exists), seconds=30)
        assert await place.status() == ("pending", 1)
    finally:
        stuck.kill()
        stuck.wait()
    async with running(create_app(worker, settings=place.settings)):
        await until(place.is_done, seconds=30)
        await until(lambda: told(place, 1))
    assert await place.status() == ("done", 2)
    assert [each.status for each in place.told] == ["done"]


async def test_with_the_broker_away_the_question_is_taken_at_once_and_answered_later(
    place: Place, tmp_path: Path
) -> None:
    async with broker.connect("amqp://guest:guest@127.0.0.1:1/") as away:
        async with asyncio.timeout(2):
            box = Outbox(place.data, away)
            await place.ask(box)
        await box.finish()
    assert (await place.status())[0] == "pending"
    async with running(create_app(worker, settings=place.settings)):
        await until(place.is_done, seconds=15)
