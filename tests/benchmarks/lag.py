"""How long an accepted event takes to change a list: `python -m tests.benchmarks.lag`, in a process of its own.

Beside a steady stream of events, users without a history like one item. Their list is made by the model
as soon as that like has arrived; until then it is a mix of popular and unknown items.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

import uvloop

from tests.benchmarks import traffic
from tests.benchmarks.load import HOST, Connection, summary

CONNECTIONS = 16  # for the stream
PROBES = 10  # per second
LOOK_EVERY = 0.01  # seconds between two looks at a list
GIVEN_UP = 10.0  # seconds
PERSONAL = b'"source":"model"'


@dataclass(frozen=True)
class Spec:
    """`rate` events a second to `collector`, lists from `recommendations`, for `seconds`."""

    collector: int
    recommendations: int
    token: str
    rate: float
    seconds: float


class Caller:
    """Connections that take requests in turn; `await caller.ask(request)`."""

    def __init__(self) -> None:
        self._free: asyncio.Queue[Connection] = asyncio.Queue()

    async def open(self, port: int, connections: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, made = await loop.create_connection(
                lambda: Connection(lambda _s, _b: None), HOST, port
            )
            self._free.put_nowait(made)

    async def ask(self, request: str) -> bytes:
        """Return the body of the answer; ConnectionError unless it is 2xx."""
        connection = await self._free.get()
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        connection.answered = lambda status, body: answer.set_result((status, body))
        connection.send(request.encode())
        status, body = await answer
        self._free.put_nowait(connection)
        if not 200 <= status < 300:
            raise ConnectionError(f"{status}: {body!r}")
        return body


async def measure(spec: Spec) -> list[float]:
    """Return the seconds from the answer to a like until its user's list is personal."""
    events, lists = Caller(), Caller()
    await events.open(spec.collector, CONNECTIONS)
    await lists.open(spec.recommendations, CONNECTIONS)
    stream = asyncio.create_task(_stream(events, traffic.interact(spec.token), spec))
    probes = []
    for number in range(int(PROBES * spec.seconds)):
        probes.append(asyncio.create_task(_probe(events, lists, f"probe-{number}", spec.token)))
        await asyncio.sleep(1 / PROBES)
    found = await asyncio.gather(*probes)
    await stream
    return found


async def _stream(events: Caller, requests: Sequence[str], spec: Spec) -> None:
    started = perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(spec.rate * spec.seconds)):
            await asyncio.sleep(max(0.0, started + number / spec.rate - perf_counter()))
            group.create_task(events.ask(requests[number % len(requests)]))


async def _probe(events: Caller, lists: Caller, user: str, token: str) -> float:
    look = traffic.get(f"/recs/{user}", token)
    if PERSONAL in await lists.ask(look):
        raise RuntimeError(f"{user} has a history already.")
    body = {"user_id": user, "item_ids": ["item-1"], "actions": ["like"]}
    await events.ask(traffic.post("/interact", body, token))
    accepted = perf_counter()
    while perf_counter() - accepted < GIVEN_UP:
        began = perf_counter()
        if PERSONAL in await lists.ask(look):
            return began - accepted
        await asyncio.sleep(LOOK_EVERY)
    return GIVEN_UP


def main() -> None:
    """Read the spec, measure, write the result."""
    spec = Spec(**json.load(sys.stdin))
    found = uvloop.run(measure(spec))
    json.dump(asdict(summary(found, Counter({200: len(found)}), spec.seconds)), sys.stdout)


if __name__ == "__main__":
    main()
