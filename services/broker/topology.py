"""What is where on the broker: one exchange for events, one queue per consuming duty, one for the dead."""

from __future__ import annotations

from dataclasses import dataclass

EVENTS = "akin.events"  # the exchange: durable, topic, routing key = the event's type
DEAD = "akin.dead"  # the exchange and the queue of dead letters; routing key = the queue they come from


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A durable queue that one duty consumes.

    `batch` is the most events that one delivery may hold. It is at least `MAX_BATCH` of the envelope,
    so that any message fits into a delivery.
    """

    name: str
    types: tuple[str, ...]
    batch: int = (
        1_000  # events; inserts gain little beyond 500 rows, and one message may hold 1,000
    )


# Erasures queue behind what the person did before them.
INTERACTIONS = Queue(
    name="recommendations.interactions", types=("interaction.recorded", "user.erased")
)
# What others say about anomalies.
ANOMALIES = Queue(
    name="anomaly_similarity.anomalies",
    types=("anomaly.detected", "platform.cleaned", "verdict.recorded"),
)
# Questions for similar anomalies. Apart from the others: what takes long to answer holds up nothing else.
REQUESTS = Queue(name="anomaly_similarity.requests", types=("similarity.requested",))

QUEUES: dict[str, Queue] = {queue.name: queue for queue in (INTERACTIONS, ANOMALIES, REQUESTS)}

# What is published under these types must reach a queue, or it is not accepted.
DURABLE_TYPES = frozenset(name for queue in QUEUES.values() for name in queue.types)


def readers(topic: str) -> list[str]:
    """Return the names of the queues that receive this type (or, for a queue's own name, itself)."""
    return [queue.name for queue in QUEUES.values() if topic in (*queue.types, queue.name)]
