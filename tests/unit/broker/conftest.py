from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

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
