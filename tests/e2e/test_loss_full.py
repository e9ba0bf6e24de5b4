"""The promise in the full profile: nothing acknowledged is lost or counted twice, whatever is killed."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import redis.asyncio as redis

from services.cli import servers
from services.cli.servers import Server, Servers
from tests.e2e.house import WITHIN, House, house
from tests.e2e.journal_client import ITEMS, JournalClient, posting
from tests.e2e.oracle import compare_lists, judge
from tests.e2e.parts import Part
from tests.e2e.reader import Reader, reading, unforeseen

SUDDEN_DEATHS = 3  # of each worker, at random moments
LONGEST_LIFE = 0.4  # seconds for which a worker is let work before it dies
STUCK_WORKER = str(Path(__file__).with_name("stuck_worker.py"))


class Full:
    """The full profile: who does what, and what can happen to it while a client posts."""

    def __init__(self, home: Path, made: House, running: Servers) -> None:
        self.house = made
        self.servers = running
        self.collector = made.http("event_collector.app")
        self.lists = made.http("recommendations.app")
        worker = ("-m", "services.recommendations.worker")
        self.workers = [made.part(name, *worker) for name in ("worker-1", "worker-2")]
        self._home = home

    async def start(self, *parts: Part) -> None:
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(part.start())

    async def empty_and_kill_the_cache(self, client: JournalClient) -> None:
        cache = redis.from_url(self.servers.cache_url)
        for _ in range(10):  # again and again in the middle of what readers rebuild
            await cache.flushall()
            await client.progress(20)
        await cache.aclose()
        self._server("redis").kill(signal.SIGKILL)
        await client.progress()  # events are taken without it
        await self._restart("redis")
        await self.house.storing()

    async def freeze_the_broker(self, client: JournalClient) -> None:
        refused = client.journal.answers["503"]
        broker = self._server("rabbitmq")
        broker.kill(signal.SIGSTOP)
        await client.answered("503", refused + 3)
        broker.kill(signal.SIGCONT)
        await client.progress()

    async def kill_the_broker(self, client: JournalClient) -> None:
        self._server("rabbitmq").kill(signal.SIGKILL)
        await client.failures()
        await self._restart("rabbitmq")
        await client.progress()
        await self.house.storing()

    async def kill_workers_at_any_moment(self) -> None:
        chance = random.Random(5)
        for _ in range(SUDDEN_DEATHS):
            for worker in self.workers:
                await self.house.storing(20)
                await asyncio.sleep(chance.uniform(0, LONGEST_LIFE))
                worker.kill()
                worker.launch()
        await self.house.storing()

    async def kill_workers_after_the_commit(self) -> None:
        """Kill one before the cache follows, and one before it acknowledges."""
        for worker in self.workers:
            worker.kill()
        for moment in ("cache", "acknowledge"):
            held = await self._kill_between_commit_and(moment)
            assert held
            assert await self.house.stored(held) == len(held)  # and they will come again
        await self.start(*self.workers)
        await self.house.storing()

    async def kill_the_database(self, client: JournalClient) -> None:
        """Kill it, and a worker in the middle of what it tries again and again."""
        self._server("postgresql").kill(signal.SIGKILL)
        await client.progress()  # events are taken without it
        self.workers[0].kill()
        await self._restart("postgresql")
        await self.workers[0].start()
        await self.house.storing()

    async def kill_the_collector(self, client: JournalClient) -> None:
        self.collector.kill()
        await client.failures()
        await self.collector.start()
        await client.progress()

    async def drain(self) -> None:
        """Return when the queue is empty and nobody holds anything of it; the workers have ended then.

        RabbitMQ does not count what a worker holds; what it held when it ended comes back.
        """
        while True:
            await self.house.empty()
            for worker in self.workers:
                await worker.stop()
            if not await self.house.depth():
                return
            await self.start(*self.workers)

    def _server(self, name: str) -> Server:
        return self.servers.by_name[name]

    async def _restart(self, name: str) -> None:
        await asyncio.to_thread(self._server(name).restart)

    async def _kill_between_commit_and(self, moment: str) -> list[str]:
        sign = self._home / f"stuck-{moment}"
        worker = self.house.part(sign.name, STUCK_WORKER, moment, str(sign))
        worker.launch()
        async with asyncio.timeout(WITHIN):
            while not sign.exists():
                await asyncio.sleep(0.02)
        worker.kill()
        return sign.read_text().splitlines()


@pytest.fixture
async def full(tmp_path: Path, home: Path, workspace: str) -> AsyncIterator[Full]:
    """The full profile on servers of its own, because they are killed."""
    running = await asyncio.to_thread(servers.start, tmp_path / "servers")
    urls = {
        "AKIN_DATABASE_URL": running.database_url,
        "AKIN_BROKER_URL": running.broker_url,
        "AKIN_CACHE_URL": running.cache_url,
    }
    try:
        data, queue = running.database_url, running.broker_url
        async with house(home, urls, workspace, data_url=data, queue_url=queue) as made:
            profile = Full(home, made, running)
            await profile.start(profile.collector, profile.lists, *profile.workers)
            yield profile
    finally:
        await asyncio.to_thread(running.stop)


async def test_nothing_is_lost_or_counted_twice_whatever_is_killed(
    full: Full, token: str, report: Callable[[object], None]
) -> None:
    async with Reader(full.lists.address, token) as reader:
        await reader.add({f"item-{n}": ["known"] for n in range(ITEMS)})
        async with (
            reading(full.lists.address, token) as answers,
            posting(full.collector.address, token) as client,
        ):
            await client.progress()
            await full.empty_and_kill_the_cache(client)
            await full.freeze_the_broker(client)
            await full.kill_the_broker(client)
            await full.kill_workers_at_any_moment()
            await full.kill_workers_after_the_commit()
            await full.kill_the_database(client)
            await full.kill_the_collector(client)
        await full.drain()
        verdict, table = await judge(client.journal, full.house, reader)
        stale = await compare_lists(table, reader, whole=False)
        async with redis.from_url(full.servers.cache_url) as cache:
            await cache.flushall()
        rebuilt, table = await judge(client.journal, full.house, reader)
        wrong = await compare_lists(table, reader, whole=True)

    report(f"full profile: {verdict}")
    report(f"posts {dict(client.journal.answers)}, reads {dict(answers)}")
    assert verdict.findings == {}
    assert rebuilt.findings == {}
    assert stale == []
    assert wrong == []
    assert await full.house.dead_letters() == []
    assert unforeseen(answers, client.journal.answers) == set()
