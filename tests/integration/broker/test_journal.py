from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from services.broker import INTERACTIONS, BrokerUnavailable, connect, journal_tables
from services.messages.envelope import Event

Make = Callable[..., Event]

PUBLISHER = """
import asyncio, sys, uuid
from datetime import UTC, datetime
from services.broker import connect
from services.messages.envelope import Event
from services.messages.types import InteractionRecorded

async def main():
    async with connect(sys.argv[1]) as broker:
        async def client():
            while True:
                now = datetime.now(UTC)
                data = InteractionRecorded(user_id="u", item_id="i", kind="like", occurred_at=now)
                event = Event(id=uuid.uuid4().hex, source="/", time=now, workspace="w", data=data)
                await broker.publish([event])
                sys.stdout.write(event.id + "\\n")
                sys.stdout.flush()
        await asyncio.gather(*(client() for _ in range(8)))

asyncio.run(main())
"""


async def drained(url: str) -> list[Event]:
    events: list[Event] = []
    async with connect(url) as broker, aclosing(broker.consume(INTERACTIONS)) as deliveries:
        while await broker.depth(INTERACTIONS):
            delivery = await anext(deliveries)
            events += delivery.events
            await delivery.ack()
    return events


async def test_killing_the_process_at_any_time_loses_nothing_that_was_acknowledged(
    journal_url: str,
) -> None:
    acknowledged: set[str] = set()
    for life in (0.2, 0.35, 0.5):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PUBLISHER, journal_url, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        acknowledged.add((await process.stdout.readline()).decode().strip())
        asyncio.get_running_loop().call_later(life, os.kill, process.pid, signal.SIGKILL)
        output = (await process.stdout.read()).decode()
        await process.wait()
        acknowledged.update(output.split("\n")[:-1])  # the last line may be cut
    events = await drained(journal_url)
    ids = [event.id for event in events]
    assert len(acknowledged) > 30
    assert acknowledged <= set(ids)
    assert len(ids) == len(set(ids))


async def test_two_processes_may_publish_to_one_journal_at_the_same_time(journal_url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", PUBLISHER, journal_url, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    acknowledged: set[str] = set()
    for process in processes:
        assert process.stdout is not None
        acknowledged.add((await process.stdout.readline()).decode().strip())
    async with connect(journal_url) as broker:
        assert await broker.dead_letters(10) == []  # as the command line does meanwhile
    for process in processes:
        process.kill()
        output, _ = await process.communicate()
        acknowledged.update(output.decode().split("\n")[:-1])
    assert acknowledged <= {event.id for event in await drained(journal_url)}


async def test_a_consumer_hears_of_what_another_process_published(
    journal_url: str, like: Make
) -> None:
    event = like()
    async with (
        asyncio.timeout(20),
        connect(journal_url) as here,
        connect(journal_url) as there,
        aclosing(here.consume(INTERACTIONS)) as deliveries,
    ):
        coming = asyncio.ensure_future(anext(deliveries))
        await asyncio.sleep(0.1)
        await there.publish([event])
        assert (await coming).events == [event]


async def test_acknowledged_entries_are_deleted_and_their_numbers_never_come_again(
    journal_url: str, tmp_path: Path, like: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_tables, "KEEP", -1)
    for number in range(3):
        async with connect(journal_url) as broker:
            await broker.publish([like(f"i{number}")])
        assert [event.data.item_id for event in await drained(journal_url)] == [f"i{number}"]  # type: ignore[union-attr]
    async with connect(journal_url) as broker:
        await broker.check()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone() == (0,)
        assert connection.execute("SELECT acked FROM cursors").fetchone() == (3,)


async def test_entries_that_wait_for_a_consumer_are_kept_however_old(
    journal_url: str, like: Make, change: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_tables, "KEEP", -1)
    async with connect(journal_url) as broker:
        await broker.publish([like(), change()])
    async with connect(journal_url) as broker:
        assert await broker.depth(INTERACTIONS) == 1


async def test_an_entry_that_cannot_be_read_becomes_one_dead_letter_and_stops_nothing(
    journal_url: str, tmp_path: Path, like: Make
) -> None:
    async with connect(journal_url) as broker:
        await broker.check()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        journal_tables.append(connection, "interaction.recorded", b"not json", 1)
        connection.commit()
    event = like()
    for _ in range(2):  # unacknowledged the first time: the same letter, not a second one
        async with connect(journal_url) as broker:
            await broker.publish([event])
            async with asyncio.timeout(20), aclosing(broker.consume(INTERACTIONS)) as deliveries:
                assert event in (await anext(deliveries)).events
            (letter,) = await broker.dead_letters(10)
    assert letter.body == b"not json"
    assert letter.reason.startswith("Not a CloudEvents batch")


async def test_a_listener_does_not_look_again_at_what_was_of_no_concern(
    journal_url: str, like: Make, change: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    read = journal_tables.read

    def noted(
        connection: sqlite3.Connection, topics: Sequence[str], after: int, most: int
    ) -> list[journal_tables.Entry]:
        begun.append(after)
        return read(connection, topics, after, most)

    monkeypatch.setattr(journal_tables, "read", noted)
    async with (
        asyncio.timeout(20),
        connect(journal_url) as broker,
        aclosing(broker.listen("item.changed")) as news,
    ):
        coming = asyncio.ensure_future(anext(news))
        while not begun:
            await asyncio.sleep(0.01)
        for number in range(20):
            await broker.publish([like(f"i{number}")])
            while begun[-1] < number:  # it wakes, looks at this one, and begins after it next time
                await asyncio.sleep(0.01)
        event = change()
        await broker.publish([event])
        assert await coming == event
    assert begun == sorted(begun)


async def test_a_locked_journal_is_unavailable_and_works_again_when_it_is_free(
    journal_url: str, tmp_path: Path, like: Make
) -> None:
    async with connect(journal_url) as broker:
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(BrokerUnavailable):
                await asyncio.wait_for(broker.publish([like()]), 7)
            other.execute("ROLLBACK")
        await broker.publish([like()])


async def test_a_file_that_is_no_journal_is_refused(journal_url: str, tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"This is a letter to grandmother. " * 100)
    with pytest.raises(BrokerUnavailable, match="not a database"):
        async with connect(journal_url):
            pass
