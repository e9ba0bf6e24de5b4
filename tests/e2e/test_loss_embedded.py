"""The promise in the embedded profile: one process, killed again and again while a client posts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tests.e2e.house import House
from tests.e2e.journal_client import ITEMS, posting
from tests.e2e.oracle import compare_lists, judge
from tests.e2e.reader import Reader, reading, unforeseen

DEATHS = 4  # at random moments
LONGEST_LIFE = 1.0  # seconds for which the process is let work before it dies


async def test_nothing_is_lost_or_counted_twice_when_the_process_is_killed(
    embedded: House, token: str, report: Callable[[object], None]
) -> None:
    process = embedded.http("embedded")
    await process.start()
    chance = random.Random(11)
    async with Reader(process.address, token) as reader:
        await reader.add({f"item-{n}": ["known"] for n in range(ITEMS)})
        async with (
            reading(process.address, token) as answers,
            posting(process.address, token) as client,
        ):
            for _ in range(DEATHS):
                await client.progress()
                await embedded.storing()
                await asyncio.sleep(chance.uniform(0, LONGEST_LIFE))
                process.kill()
                await client.failures()
                await process.start()
            await client.progress()
            await process.stop()
            await process.start()
            await client.progress()
        await embedded.empty()
        verdict, table = await judge(client.journal, embedded, reader)
        stale = await compare_lists(table, reader, whole=False)
        process.kill()
        await process.start()
        rebuilt, table = await judge(client.journal, embedded, reader)
        wrong = await compare_lists(table, reader, whole=True)

    report(f"embedded profile: {verdict}")
    report(f"posts {dict(client.journal.answers)}, reads {dict(answers)}")
    assert verdict.findings == {}
    assert rebuilt.findings == {}
    assert stale == []
    assert wrong == []
    assert await embedded.dead_letters() == []
    assert unforeseen(answers, client.journal.answers) == set()
