"""The broker of the embedded profile: a durable journal in a file, with an fsync before the answer.

One process consumes; others may open the same file to publish, to listen or to see to the dead letters.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path

from services.broker import journal_tables as tables
from services.broker import metrics
from services.broker.interface import BrokerUnavailable, DeadLetter, Delivery
from services.broker.journal_file import JournalFile
from services.broker.journal_tables import Entry
from services.broker.publishing import Publisher
from services.broker.topology import Queue
from services.messages.envelope import MAX_BATCH, Event, InvalidBatch, decode, encode

IN_FLIGHT = 2  # one group is encoded and queued while the other is synced
POLL = timedelta(
    seconds=0.5
)  # for what another process writes; this process's own writes wake at once
PAUSE = timedelta(seconds=1)  # after a failure: the disk is full, or another process holds the lock

log = logging.getLogger(__name__)


class Journal:
    """A `Broker` in an SQLite file. Each queue may have one consumer."""

    def __init__(self, path: Path) -> None:
        self._file = JournalFile(path)
        self._publisher = Publisher(self._append, in_flight=IN_FLIGHT)
        self._news: set[asyncio.Event] = set()
        self._delivered: dict[
            str, int
        ] = {}  # queue -> the newest entry that may have been delivered
        self._newest_at_start = 0

    async def open(self) -> None:
        """Open the file, or create it; raises `BrokerUnavailable`."""
        await self._file.open()
        self._newest_at_start = await self._file.run(tables.newest)

    async def close(self) -> None:
        """Write what waits and close the file."""
        await self._publisher.close()
        await self._file.close()

    async def publish(self, events: Sequence[Event]) -> None:
        """See `Broker.publish`."""
        await self._publisher.publish(events)

    async def check(self) -> None:
        """See `Broker.check`."""
        await self._file.run(tables.newest)

    async def depth(self, queue: Queue) -> int:
        """See `Broker.depth`."""
        return await self._file.run(partial(tables.depth, queue=queue))

    async def dead_letters(self, limit: int) -> list[DeadLetter]:
        """See `Broker.dead_letters`."""
        return await self._file.run(partial(tables.dead_letters, limit=limit))

    async def replay(self, ids: Sequence[str]) -> int:
        """See `Broker.replay`."""
        replayed = await self._file.run(partial(tables.replay, ids=ids))
        self._announce()
        return replayed

    async def discard(self, ids: Sequence[str]) -> int:
        """See `Broker.discard`."""
        return await self._file.run(partial(tables.discard, ids=ids))

    async def consume(self, queue: Queue) -> AsyncGenerator[Delivery, None]:
        """See `Broker.consume`."""
        after: int | None = None
        news = self._subscribe()
        try:
            while True:
                try:
                    if after is None:
                        after = await self._file.run(partial(tables.cursor, queue=queue.name))
                    entries = await self._next(tables.topics_of(queue), after, queue.batch, news)
                    delivery = await self._opened(queue, entries, after)
                    after = entries[-1].id
                except BrokerUnavailable as error:
                    log.warning("Consuming pauses: %s", error, extra={"queue": queue.name})
                    await asyncio.sleep(PAUSE.total_seconds())
                    continue
                if delivery is not None:
                    yield delivery
        finally:
            self._news.discard(news)

    async def listen(self, *types: str) -> AsyncGenerator[Event, None]:
        """See `Broker.listen`."""
        after: int | None = None
        news = self._subscribe()
        try:
            while True:
                try:
                    if after is None:
                        after = await self._file.run(tables.newest)
                    news.clear()
                    listen = partial(tables.listen, topics=types, after=after, most=MAX_BATCH)
                    entries, after = await self._file.run(listen)
                except BrokerUnavailable as error:
                    log.warning("Listening pauses: %s", error, extra={"types": types})
                    await asyncio.sleep(PAUSE.total_seconds())
                    continue
                for event in chain.from_iterable(map(_readable, entries)):
                    yield event
                if not entries:
                    await _wait(news)
        finally:
            self._news.discard(news)

    async def _append(self, topic: str, body: bytes, events: int) -> None:
        await self._file.run(partial(tables.append, topic=topic, body=body, events=events))
        self._announce()

    def _announce(self) -> None:
        for news in self._news:
            news.set()

    def _subscribe(self) -> asyncio.Event:
        news = asyncio.Event()
        self._news.add(news)
        return news

    async def _next(
        self, topics: Sequence[str], after: int, most: int, news: asyncio.Event
    ) -> list[Entry]:
        """Wait until there are entries after this one, and return them."""
        while True:
            news.clear()
            if entries := await self._file.run(
                partial(tables.read, topics=topics, after=after, most=most)
            ):
                return entries
            await _wait(news)

    async def _opened(self, queue: Queue, entries: Sequence[Entry], after: int) -> Delivery | None:
        events: list[Event] = []
        for entry in entries:
            try:
                events += decode(entry.body)
            except InvalidBatch as error:
                bury = partial(tables.bury, queue=queue.name, body=entry.body, reason=str(error))
                await self._file.run(partial(bury, events=1, entry=entry.id))
                metrics.dead_letters.labels(queue.name).inc()
                log.error("Put aside as a dead letter: %s", error, extra={"queue": queue.name})
        last = entries[-1].id
        if not events:
            await self._file.run(partial(tables.skip, queue=queue.name, after=after, entry=last))
            return None
        known = self._delivered.get(queue.name, self._newest_at_start)
        self._delivered[queue.name] = max(known, last)
        return Delivery(
            events=events,
            redelivered=entries[0].id <= known,
            ack=partial(self._file.run, partial(tables.acknowledge, queue=queue.name, entry=last)),
            dead=partial(self._bury, queue),
        )

    async def _bury(self, queue: Queue, events: Sequence[Event], reason: str) -> None:
        bury = partial(tables.bury, queue=queue.name, body=encode(events), reason=reason)
        await self._file.run(partial(bury, events=len(events)))


async def _wait(news: asyncio.Event) -> None:
    """Return when there is news, or may be some of another process."""
    with suppress(TimeoutError):
        async with asyncio.timeout(POLL.total_seconds()):
            await news.wait()


def _readable(entry: Entry) -> list[Event]:
    try:
        return decode(entry.body)
    except InvalidBatch as error:
        log.warning("A message was not understood: %s", error)
        return []
