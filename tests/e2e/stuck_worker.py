"""The recommendations worker, which stops for ever at one place after the database's commit.

`python stuck_worker.py acknowledge|cache FILE`: before it acknowledges, or before the cache follows.
It writes the ids of the events that it holds into FILE; then it is time to kill it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from services.broker import Delivery, Queue
from services.broker.rabbitmq import RabbitMQ
from services.cache import Cache
from services.recommendations import worker

HELD: list[str] = []


async def stop_for_ever(path: Path) -> None:
    """Say which events are held, and hang."""
    new = path.with_suffix(".new")
    new.write_text("\n".join(HELD))
    new.replace(path)
    await asyncio.Event().wait()


def main(where: str, path: Path) -> None:
    """Run the worker with the trap laid."""
    consume = RabbitMQ.consume

    async def trapped_consume(self: RabbitMQ, queue: Queue) -> AsyncGenerator[Delivery, None]:
        async with aclosing(consume(self, queue)) as deliveries:
            async for delivery in deliveries:
                HELD[:] = [event.id for event in delivery.events]
                if where == "acknowledge":
                    delivery = replace(delivery, ack=lambda: stop_for_ever(path))  # noqa: PLW2901
                yield delivery

    async def trapped_append(self: Cache, values: Mapping[str, bytes], **_: object) -> None:
        await stop_for_ever(path)

    RabbitMQ.consume = trapped_consume  # type: ignore[method-assign]
    if where == "cache":
        Cache.append_many = trapped_append  # type: ignore[method-assign]
    worker.main()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
