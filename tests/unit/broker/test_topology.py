from __future__ import annotations

from services.broker.topology import DURABLE_TYPES, INTERACTIONS, QUEUES, readers
from services.messages.envelope import MAX_BATCH
from services.messages.types import TYPES


def test_every_queue_is_bound_to_types_that_exist() -> None:
    assert {name for queue in QUEUES.values() for name in queue.types} <= TYPES.keys()


def test_any_message_fits_into_a_delivery() -> None:
    assert all(queue.batch >= MAX_BATCH for queue in QUEUES.values())


def test_interactions_must_reach_their_queue_and_announcements_need_not() -> None:
    assert "interaction.recorded" in DURABLE_TYPES
    assert "model.published" not in DURABLE_TYPES


def test_a_topic_knows_its_readers() -> None:
    assert readers("interaction.recorded") == [INTERACTIONS.name]
    assert readers(INTERACTIONS.name) == [INTERACTIONS.name]
    assert readers("model.published") == []
