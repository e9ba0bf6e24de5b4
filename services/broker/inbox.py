"""What a consumer's channel has delivered and nobody has taken yet."""

from __future__ import annotations

import asyncio
from collections import deque

from aio_pika.abc import AbstractIncomingMessage
from aiormq.abc import AbstractChannel as AiormqChannel

from services.broker.interface import BrokerUnavailable
from services.messages.envelope import Event


class Inbox:
    """Messages in the order of their arrival, and the news that no more will come."""

    def __init__(self, *, most: int | None = None) -> None:
        # The prefetch bounds what must be acknowledged; `most` bounds the rest, the oldest go first.
        self.messages: deque[AbstractIncomingMessage] = deque(maxlen=most)
        self.opened: list[Event] | None = (
            None  # the first message, decoded, when it did not fit before
        )
        self._news = asyncio.Event()
        self._lost = False

    def watch(self, channel: AiormqChannel) -> None:
        """Notice when the channel closes and when the broker cancels the consumer."""
        channel.closing.add_done_callback(self._lose)
        channel.on_consumer_cancel_callbacks.add(self._lose)

    async def put(self, message: AbstractIncomingMessage) -> None:
        """Take one message from the channel."""
        self.messages.append(message)
        self._news.set()

    async def wait(self) -> None:
        """Return when there are messages.

        Raises:
            BrokerUnavailable: the channel or the consumer is gone; what is left will come again.
        """
        while not self.messages and not self._lost:
            self._news.clear()
            await self._news.wait()
        self.check()

    def check(self) -> None:
        """Raise `BrokerUnavailable` if no more will come."""
        if self._lost:
            raise BrokerUnavailable("The broker ended the subscription.")

    def _lose(self, _: object) -> None:
        self._lost = True
        self._news.set()
