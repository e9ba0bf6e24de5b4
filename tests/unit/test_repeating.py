import asyncio
import random
import time
from contextlib import suppress

from services import cache
from services import repeating as module
from services.repeating import repeating
from services.security import follow


async def test_work_begins_at_once_and_repeats():
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        rounds += 1

    async with repeating(work, interval=0.01):
        await asyncio.sleep(0.1)
    done = rounds
    await asyncio.sleep(0.03)

    assert done >= 3
    assert rounds == done


async def test_a_round_that_fails_does_not_end_the_next_ones(caplog):
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        raise RuntimeError("bad round")

    async with repeating(work, interval=0.01):
        await asyncio.sleep(0.1)

    assert rounds >= 3
    assert "background work failed" in caplog.text


async def test_a_round_under_way_is_finished():
    finished = False

    async def work() -> None:
        nonlocal finished
        await asyncio.sleep(0.05)
        finished = True

    async with repeating(work, interval=60):
        await asyncio.sleep(0)

    assert finished


async def test_a_round_that_takes_too_long_is_cancelled(monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0.02)
    began = time.monotonic()

    async with repeating(lambda: asyncio.sleep(60), interval=60):
        await asyncio.sleep(0)

    assert time.monotonic() - began < 5


async def test_a_round_gets_the_grace_that_was_asked_for(monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0)
    finished = False

    async def work() -> None:
        nonlocal finished
        await asyncio.sleep(0.1)
        finished = True

    async with repeating(work, interval=60, grace=10):
        await asyncio.sleep(0)

    assert finished


async def test_work_that_loses_its_cancellation_ends_all_the_same(monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0.01)

    async def work() -> None:
        with suppress(asyncio.CancelledError):  # what a library should not do, and does
            await asyncio.sleep(60)

    async with asyncio.timeout(5), repeating(work, interval=0):
        await asyncio.sleep(0)


async def test_the_end_of_the_block_is_never_missed_under_load():
    async with cache.connect("memory://") as shared, asyncio.timeout(30):
        for _ in range(300):
            async with follow(shared, interval=0):
                await asyncio.sleep(random.random() * 0.002)
