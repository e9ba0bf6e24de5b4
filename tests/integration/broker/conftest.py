from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import aio_pika
import pytest

from services.broker import QUEUES, Broker, connect
from services.broker.topology import DEAD, EVENTS
from services.messages.envelope import Event
from services.messages.types import InteractionRecorded, ItemChanged


@pytest.fixture
def like() -> Callable[..., Event]:
    """`like("i1")`: the event of a person who likes this item."""

    def make(item_id: str = "i1") -> Event:
        now = datetime.now(UTC)
        data = InteractionRecorded(user_id="u1", item_id=item_id, kind="like", occurred_at=now)
        return Event(id=uuid.uuid4().hex, source="/tests", time=now, workspace="default", data=data)

    return make


@pytest.fixture
def change() -> Callable[[], Event]:
    """The event of a changed item: of a type that no durable queue receives."""

    def make() -> Event:
        return Event(
            id=uuid.uuid4().hex,
            source="/tests",
            time=datetime.now(UTC),
            workspace="default",
            data=ItemChanged(item_ids=("i1",), change="upserted"),
        )

    return make


@pytest.fixture
async def rabbitmq_url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A broker of the test's own on the shared RabbitMQ: its names have a prefix and are deleted."""
    prefix = f"test-{uuid.uuid4().hex[:12]}."
    url = f"{request.getfixturevalue('amqp_url')}?prefix={prefix}"
    yield url
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        for queue in (DEAD, *QUEUES):
            await channel.queue_delete(prefix + queue)
        for exchange in (DEAD, EVENTS):
            await channel.exchange_delete(prefix + exchange)


@pytest.fixture
def journal_url(tmp_path: Path) -> str:
    """A journal of the test's own."""
    return f"journal://{tmp_path}/journal.db"


@pytest.fixture(params=["journal", "rabbitmq"])
def url(request: pytest.FixtureRequest) -> str:
    """Every implementation in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def broker(url: str) -> AsyncIterator[Broker]:
    """A connected broker of every implementation in turn."""
    async with connect(url) as connected:
        yield connected
