"""The dead letters of RabbitMQ: list, replay and discard by id.

A queue cannot be looked into: every letter is taken and, unless it is settled, given back.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from services.broker.interface import DeadLetter
from services.broker.link import Link, translated
from services.broker.topology import DEAD
from services.messages.envelope import CONTENT_TYPE

REASON = "akin-reason"  # the header that says why
LONGEST_REASON = 1_000  # characters; a header must fit into one AMQP frame
GET_TIMEOUT = 5  # seconds for one letter


def letter(body: bytes, reason: str) -> Message:
    """Return the message that tells of a death; its routing key is to be the queue it comes from."""
    return Message(
        body,
        headers={REASON: reason[:LONGEST_REASON]},
        content_type=CONTENT_TYPE,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=uuid4().hex,
        timestamp=datetime.now(UTC),
    )


class AmqpDeadLetters:
    """The letters in `akin.dead`. All raise `BrokerUnavailable`; a letter is never lost by that."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def list(self, limit: int) -> list[DeadLetter]:
        """Return up to `limit` letters and leave them where they are."""
        found: list[DeadLetter] = []
        async with self._link.channel() as channel, aclosing(self._taken(channel)) as messages:
            async for message in messages:
                found.append(_read(message))
                if len(found) >= limit:
                    break
        return found

    async def replay(self, ids: Sequence[str]) -> int:
        """Put each letter into the queue it comes from, then take it away; return how many."""
        return await self._settle(ids, replayed=True)

    async def discard(self, ids: Sequence[str]) -> int:
        """Take the letters away; return how many."""
        return await self._settle(ids, replayed=False)

    async def _settle(self, ids: Sequence[str], *, replayed: bool) -> int:
        wanted = set(ids)
        settled = 0
        async with self._link.channel() as channel, aclosing(self._taken(channel)) as messages:
            async for message in messages:
                if _id(message) not in wanted:
                    continue
                with translated():
                    if replayed:
                        await self._return(channel, message)
                    await message.ack()
                settled += 1
        return settled

    async def _taken(
        self, channel: AbstractChannel
    ) -> AsyncGenerator[AbstractIncomingMessage, None]:
        """Yield every letter once, unsettled; the end of the channel gives back those that still are."""
        with translated():
            queue = await channel.get_queue(self._link.named(DEAD), ensure=False)
            message = await queue.get(fail=False, timeout=GET_TIMEOUT)
        while message is not None:
            yield message
            with translated():
                message = await queue.get(fail=False, timeout=GET_TIMEOUT)

    async def _return(self, channel: AbstractChannel, message: AbstractIncomingMessage) -> None:
        again = Message(
            message.body,
            content_type=CONTENT_TYPE,
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=uuid4().hex,
        )
        queue = self._link.named(message.routing_key or "")
        exchange = channel.default_exchange
        await exchange.publish(again, queue, mandatory=True, timeout=GET_TIMEOUT)


def _id(message: AbstractIncomingMessage) -> str:
    # Only a foreign publisher leaves the id out; the content then tells letters apart well enough.
    return message.message_id or hashlib.sha256(message.body).hexdigest()[:32]


def _read(message: AbstractIncomingMessage) -> DeadLetter:
    death = _death(message)
    died_at = message.timestamp or death.get("time") or datetime.now(UTC)
    return DeadLetter(
        id=_id(message),
        queue=message.routing_key or "",
        reason=str(message.headers.get(REASON) or f"The broker gave up: {death.get('reason')}."),
        died_at=died_at.replace(tzinfo=UTC) if died_at.tzinfo is None else died_at,
        body=message.body,
    )


def _death(message: AbstractIncomingMessage) -> dict[str, Any]:
    """Return what RabbitMQ notes when it dead-letters by itself, beyond the delivery limit."""
    deaths = cast("list[dict[str, Any]]", message.headers.get("x-death") or [{}])
    return deaths[0]
