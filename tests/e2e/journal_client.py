"""A client that posts reactions without rest, and writes down what it attempted and what was acknowledged.

It behaves as the contract asks: after a 503, a time-out or a broken connection it repeats the same
events under the same ids. And as people do: sometimes it gives up, sometimes it repeats for nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

import httpx

WORKERS = 16  # requests under way at once
PAUSE = 0.08  # seconds a worker rests between two requests, on average
MAX_EVENTS = 60_000  # bound of one run; it rests when there
IMPATIENT, PATIENT = 0.7, 8.0  # seconds until a client gives an attempt up; a 503 comes after 5
GIVES_UP, REPEATS_ANYWAY = 0.05, 0.02  # chances per attempt that failed, and per one that did not
USERS = 40
ITEMS = 60  # known from the beginning; others are named by events first
NEW_ITEM = 0.02  # chance that an event names an item that nobody named before
PROGRESS_WITHIN = 90.0  # seconds until anything must be going on again after a fault

KINDS = ("like", "dislike", "view", "rating", "purchase", "skip")


@dataclass(frozen=True, slots=True)
class Reaction:
    """What an event says, apart from its time."""

    user_id: str
    item_id: str
    kind: str
    value: float | None = None


@dataclass(slots=True)
class Journal:
    """What the client knows, by event id; and how its requests were answered."""

    attempted: dict[str, Reaction] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def failures(self) -> int:
        """Return how many attempts came to nothing, as far as the client knows."""
        return self.answers.total() - self.answers["200"]


class JournalClient:
    """Posts for `workers` at once until `stop` is set."""

    def __init__(self, address: str, token: str, *, seed: int = 1) -> None:
        self.journal = Journal()
        self.stop = asyncio.Event()
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"}
        self._random = random.Random(seed)
        self._numbers = count()
        self._new_items: list[str] = []

    async def work(self) -> None:
        """Post until told to stop."""
        async with httpx.AsyncClient(base_url=self._address, headers=self._headers) as http:
            while not self.stop.is_set():
                if len(self.journal.attempted) < MAX_EVENTS:
                    path, body, ids = self._request()
                    await self._until_acknowledged(http, path, body, ids)
                await asyncio.sleep(self._random.uniform(0, 2 * PAUSE))

    async def progress(self, events: int = 200) -> None:
        """Return when so many more events were acknowledged."""
        goal = len(self.journal.acknowledged) + events
        await eventually(
            lambda: len(self.journal.acknowledged) >= goal,
            why=lambda: f"No progress: {self.journal.answers}",
        )

    async def answered(self, status: str, times: int) -> None:
        """Return when so many attempts, of all, were answered like this."""
        await eventually(
            lambda: self.journal.answers[status] >= times,
            why=lambda: f"Too few {status}: {self.journal.answers}",
        )

    async def failures(self, attempts: int = 5) -> None:
        """Return when so many more attempts failed: the fault is felt."""
        goal = self.journal.failures + attempts
        await eventually(
            lambda: self.journal.failures >= goal,
            why=lambda: f"Nothing fails: {self.journal.answers}",
        )

    async def _until_acknowledged(
        self, http: httpx.AsyncClient, path: str, body: object, ids: Sequence[str]
    ) -> None:
        while True:
            answer = await self._attempt(http, path, body)
            self.journal.answers[answer] += 1
            if answer == "200":
                self.journal.acknowledged.update(ids)
            chance = REPEATS_ANYWAY if answer == "200" else 1 - GIVES_UP
            if self.stop.is_set() or self._random.random() >= chance:
                return
            await asyncio.sleep(self._random.uniform(0.02, 0.4))

    async def _attempt(self, http: httpx.AsyncClient, path: str, body: object) -> str:
        try:
            timeout = self._random.choice((IMPATIENT, PATIENT))
            response = await http.post(path, json=body, timeout=timeout)
        except httpx.TransportError as error:
            return type(error).__name__
        if response.status_code not in (200, 503):
            return f"{response.status_code} {response.text}"
        return str(response.status_code)

    def _request(self) -> tuple[str, object, list[str]]:
        """Return path, body and event ids of a new request, written into the journal."""
        ids = [f"event-{next(self._numbers)}" for _ in range(self._size())]
        if self._random.random() < 0.5:
            return "/interact", self._interact(ids[:5]), ids[:5]
        return "/events", {"events": [self._event(event_id) for event_id in ids]}, ids

    def _size(self) -> int:
        return 1 if self._random.random() < 0.7 else self._random.randint(2, 40)

    def _interact(self, ids: Sequence[str]) -> object:
        user = self._user()
        reactions = [Reaction(user, self._item(), self._random.choice(KINDS[:2])) for _ in ids]
        self.journal.attempted.update(zip(ids, reactions, strict=True))
        return {
            "user_id": user,
            "item_ids": [reaction.item_id for reaction in reactions],
            "actions": [reaction.kind for reaction in reactions],
            "event_ids": list(ids),
        }

    def _event(self, event_id: str) -> object:
        kind = self._random.choice(KINDS)
        value = self._random.randrange(11) / 2 if kind == "rating" else None
        reaction = Reaction(self._user(), self._item(), kind, value)
        self.journal.attempted[event_id] = reaction
        event = {"event_id": event_id, "user_id": reaction.user_id, "item_id": reaction.item_id}
        if self._random.random() < 0.5:
            event["timestamp"] = datetime.now(UTC).isoformat()
        return {**event, "kind": kind, "value": value}

    def _user(self) -> str:
        return f"user-{self._random.randrange(USERS)}"

    def _item(self) -> str:
        if self._random.random() < NEW_ITEM:
            self._new_items.append(f"new-{len(self._new_items)}")
            return self._new_items[-1]
        if self._new_items and self._random.random() < 5 * NEW_ITEM:
            return self._random.choice(self._new_items[-20:])  # what is new is talked about
        return f"item-{self._random.randrange(ITEMS)}"


@asynccontextmanager
async def posting(address: str, token: str) -> AsyncIterator[JournalClient]:
    """Give a client that posts until the end of the block."""
    client = JournalClient(address, token)
    async with asyncio.TaskGroup() as workers:
        for _ in range(WORKERS):
            workers.create_task(client.work())
        try:
            yield client
        finally:
            client.stop.set()  # what is under way ends within `PATIENT` seconds


async def eventually(
    condition: Callable[[], bool], *, why: Callable[[], str], within: float = PROGRESS_WITHIN
) -> None:
    """Return when the condition holds; fail with `why` when it never does."""
    try:
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(why()) from None
