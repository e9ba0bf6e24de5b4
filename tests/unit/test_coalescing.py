from __future__ import annotations

import asyncio

import pytest

from services.coalescing import Coalescer, Overloaded


class Store:
    """A flush that notes its groups and waits, when told to, until it may answer."""

    def __init__(self, *, held: bool = False) -> None:
        self.groups: list[list[int]] = []
        self.running = 0
        self.most_running = 0
        self.gate = asyncio.Event()
        if not held:
            self.gate.set()

    async def flush(self, items: list[int]) -> list[int]:
        self.groups.append(items)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await self.gate.wait()
        self.running -= 1
        return [item * 10 for item in items]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_concurrent_callers_share_one_flush_and_each_gets_its_own_result() -> None:
    store = Store()
    async with Coalescer(store.flush, max_batch=100, max_waiting=100) as coalescer:
        results = await asyncio.gather(*(coalescer.submit(n) for n in range(50)))
    assert results == [n * 10 for n in range(50)]
    assert store.groups == [list(range(50))]


async def test_an_item_that_comes_alone_is_flushed_at_once() -> None:
    store = Store()
    async with Coalescer(store.flush, max_batch=100, max_waiting=100) as coalescer:
        assert await asyncio.wait_for(coalescer.submit(1), 0.1) == 10


async def test_what_arrives_during_a_flight_goes_with_the_next_one_first_come_first_served() -> (
    None
):
    store = Store(held=True)
    async with Coalescer(store.flush, max_batch=3, max_waiting=100) as coalescer:
        first = asyncio.create_task(coalescer.submit(0))
        await settle()
        later = [asyncio.create_task(coalescer.submit(n)) for n in range(1, 8)]
        await settle()
        store.gate.set()
        await asyncio.gather(first, *later)
    assert store.groups == [[0], [1, 2, 3], [4, 5, 6], [7]]


async def test_a_group_is_bounded_by_the_sizes_of_its_items_and_a_larger_item_goes_alone() -> None:
    store = Store()
    async with Coalescer(
        store.flush, max_batch=10, max_waiting=1_000, size=lambda item: item
    ) as coalescer:
        await asyncio.gather(*(coalescer.submit(size) for size in (4, 6, 1, 25, 9, 1)))
    assert store.groups == [[4, 6], [1], [25], [9, 1]]


async def test_no_more_flights_run_at_a_time_than_allowed() -> None:
    store = Store(held=True)
    async with Coalescer(store.flush, max_batch=1, max_waiting=100, in_flight=3) as coalescer:
        tasks = [asyncio.create_task(coalescer.submit(n)) for n in range(10)]
        await settle()
        assert store.running == 3
        store.gate.set()
        await asyncio.gather(*tasks)
    assert store.most_running == 3


async def test_more_than_the_bound_is_refused_and_what_waits_is_still_served() -> None:
    store = Store(held=True)
    async with Coalescer(store.flush, max_batch=1, max_waiting=2) as coalescer:
        flying = asyncio.create_task(coalescer.submit(0))
        await settle()
        waiting = [asyncio.create_task(coalescer.submit(n)) for n in (1, 2)]
        await settle()
        with pytest.raises(Overloaded):
            await coalescer.submit(3)
        store.gate.set()
        assert await asyncio.gather(flying, *waiting) == [0, 10, 20]
        assert await coalescer.submit(4) == 40


async def test_an_error_reaches_everyone_in_its_group_and_nobody_else() -> None:
    async def flush(items: list[int]) -> list[int]:
        if 1 in items:
            raise ConnectionError("gone")
        return items

    async with Coalescer(flush, max_batch=2, max_waiting=10) as coalescer:
        results = await asyncio.gather(
            *(coalescer.submit(n) for n in range(4)), return_exceptions=True
        )
    assert [type(result) for result in results] == [ConnectionError, ConnectionError, int, int]


async def test_a_flush_that_returns_too_few_results_fails_its_callers() -> None:
    async def flush(items: list[int]) -> list[int]:
        return items[1:]

    async with Coalescer(flush, max_batch=9, max_waiting=9) as coalescer:
        with pytest.raises(RuntimeError, match="1 items came back as 0"):
            await coalescer.submit(1)


async def test_a_cancelled_caller_takes_its_waiting_item_back_and_disturbs_nobody() -> None:
    store = Store(held=True)
    async with Coalescer(store.flush, max_batch=10, max_waiting=10) as coalescer:
        flying = [asyncio.create_task(coalescer.submit(n)) for n in (0, 1)]
        await settle()
        waiting = [asyncio.create_task(coalescer.submit(n)) for n in (2, 3)]
        await settle()
        flying[0].cancel()
        waiting[0].cancel()
        await settle()
        store.gate.set()
        assert await flying[1] == 10
        assert await waiting[1] == 30
    assert store.groups == [[0, 1], [3]]


async def test_closing_flushes_what_waits_and_refuses_what_comes_later() -> None:
    store = Store(held=True)
    coalescer = Coalescer(store.flush, max_batch=1, max_waiting=10)
    tasks = [asyncio.create_task(coalescer.submit(n)) for n in range(3)]
    await settle()
    closing = asyncio.create_task(coalescer.close())
    await settle()
    with pytest.raises(Overloaded):
        await coalescer.submit(9)
    assert not closing.done()
    store.gate.set()
    await closing
    assert await asyncio.gather(*tasks) == [0, 10, 20]


async def test_an_item_that_comes_in_the_very_moment_a_flight_ends_is_not_forgotten() -> None:
    # A caller that has its answer submits again before the flight that answered has quite ended.
    store = Store()
    async with Coalescer(store.flush, max_batch=4, max_waiting=100) as coalescer:
        async with asyncio.timeout(1):
            for number in range(10):
                assert await coalescer.submit(number) == 10 * number
