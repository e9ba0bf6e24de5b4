"""Many callers, one call: what is dear per call and cheap per item is shared by whoever waits.

A confirm, an fsync or a network round trip costs the same for one item as for hundreds. Concurrent
callers each `submit` one item; a flight takes all that wait, up to a bound, makes one call for them and
gives each caller its own result. Nobody waits on purpose: an item that comes alone is sent at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

T = TypeVar("T")
R = TypeVar("R")


class Overloaded(Exception):
    """More is waiting than the bound allows, or the coalescer is closing; nothing was done."""


def _one(_: object) -> int:
    return 1


class Coalescer(Generic[T, R]):
    """Share one call of `flush` among concurrent callers, first come, first served.

    Args:
        flush: takes 1.. items and returns one result per item, in their order.
        max_batch: the largest total size of one flush; a single larger item still goes, alone.
        max_waiting: the largest total size that may wait; beyond it `submit` raises `Overloaded`.
        in_flight: how many flushes may run at a time.
        size: the size of one item, 1 when not given.

    Use it as a context manager, or `close()` it: what waits is flushed before it ends.
    """

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[Sequence[R]]],
        *,
        max_batch: int,
        max_waiting: int,
        in_flight: int = 1,
        size: Callable[[T], int] = _one,
    ) -> None:
        self._flush = flush
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._in_flight = in_flight
        self._size = size
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._waiting_size = 0
        self._flights: set[asyncio.Task[None]] = set()
        self._closed = False

    async def submit(self, item: T) -> R:
        """Return the result for this item, or raise what the flush that carried it raised.

        A caller that is cancelled takes its item back if no flight carries it yet; the others in its
        flight are not touched.

        Raises:
            Overloaded: too much is waiting, or the coalescer is closing.
        """
        size = self._size(item)
        if self._closed:
            raise Overloaded("It is closing.")
        if self._waiting and self._waiting_size + size > self._max_waiting:
            raise Overloaded(f"{self._waiting_size} are waiting already.")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._waiting_size += size
        if len(self._flights) < self._in_flight:
            self._flights.add(asyncio.create_task(self._fly()))
        return await future

    async def close(self) -> None:
        """Refuse new items, flush those that wait, and return when all is done."""
        self._closed = True
        while self._flights:
            await asyncio.wait(self._flights)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _fly(self) -> None:
        try:
            while group := self._take():
                await self._carry(group)
        finally:
            # At once, not in a callback of the task: an item submitted between the two would wait for ever.
            self._flights.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _take(self) -> list[tuple[T, asyncio.Future[R]]]:
        group: list[tuple[T, asyncio.Future[R]]] = []
        total = 0
        while self._waiting:
            item, future = self._waiting[0]
            size = self._size(item)
            if group and total + size > self._max_batch:
                break
            self._waiting.popleft()
            self._waiting_size -= size
            if not future.done():  # done before its flight: the caller was cancelled
                group.append((item, future))
                total += size
        return group

    async def _carry(self, group: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._flush([item for item, _ in group])
            if len(results) != len(group):
                raise RuntimeError(f"{len(group)} items came back as {len(results)} results.")
        except asyncio.CancelledError:
            for _, future in group:
                future.cancel()
            raise
        except Exception as error:  # it belongs to the callers, whatever it is
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)
