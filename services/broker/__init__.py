"""Publish and consume: one interface, on RabbitMQ (the full profile) or on a journal in a file (embedded)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from services.broker.interface import Broker, BrokerUnavailable, DeadLetter, Delivery, Retry
from services.broker.journal import Journal
from services.broker.topology import ANOMALIES, INTERACTIONS, QUEUES, REQUESTS, Queue

__all__ = [
    "ANOMALIES",
    "INTERACTIONS",
    "QUEUES",
    "REQUESTS",
    "Broker",
    "BrokerUnavailable",
    "DeadLetter",
    "Delivery",
    "Queue",
    "Retry",
    "connect",
]


@asynccontextmanager
async def connect(url: str) -> AsyncGenerator[Broker, None]:
    """Give the broker at `amqp://…`, `amqps://…` or `journal:///<absolute path of a file>`.

    RabbitMQ need not be there yet: whatever needs it raises `BrokerUnavailable` until it is. A query
    `?prefix=x.` puts `x.` before the names of its exchanges and queues: several platforms, one RabbitMQ.

    Raises:
        ValueError: another scheme.
        BrokerUnavailable: the journal's file cannot be opened.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "journal":
        journal = Journal(Path("/" + rest.lstrip("/")))
        try:
            await journal.open()
            yield journal
        finally:
            await journal.close()
    elif scheme in ("amqp", "amqps"):
        # Only here: the embedded profile is installed without aio-pika.
        from services.broker.rabbitmq import RabbitMQ  # noqa: PLC0415

        rabbitmq = RabbitMQ(url)
        try:
            yield rabbitmq
        finally:
            await rabbitmq.close()
    else:
        raise ValueError(
            f"A broker's URL starts with amqp://, amqps:// or journal://, not {scheme}://."
        )
