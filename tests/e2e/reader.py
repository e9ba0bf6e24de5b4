"""What a client reads: lists, histories, counters."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx

from tests.e2e.journal_client import USERS

PAGE = 100  # entries of one answer
READERS = 3  # requests under way at once
PAUSE = 0.05  # seconds a reader rests, on average


class Reader:
    """Reads from the recommendations service at `address`."""

    def __init__(self, address: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(base_url=address, headers=headers, timeout=20)

    async def add(self, genres: dict[str, list[str]]) -> None:
        """Add items with their genres."""
        body = {"item_ids": list(genres), "genres": list(genres.values())}
        (await self._http.post("/add_items", json=body)).raise_for_status()

    async def shelve(self, item_ids: Iterable[str], size: int) -> list[str]:
        """Add the items to the catalogue in genres of at most `size`, and return these genres.

        Counters can be read for items of the catalogue only, and a hundred at a time.
        """
        places = {item_id: f"shelf-{n // size}" for n, item_id in enumerate(sorted(item_ids))}
        await self.add({item_id: [shelf] for item_id, shelf in places.items()})
        return sorted(set(places.values()))

    async def likes(self, genres: Iterable[str]) -> dict[str, int]:
        """Return the counters of the items of these genres, those at zero left out."""
        found: dict[str, int] = {}
        for genre in genres:
            answer = await self._get("/popular", genre=genre, limit=PAGE)
            found |= {item["item_id"]: item["likes"] for item in answer["items"]}
        return found

    async def genre(self, genre: str) -> list[str]:
        """Return the items of a genre of at most `PAGE` items."""
        answer = await self._get("/items", genre=genre, limit=PAGE)
        return [item["item_id"] for item in answer["items"]]

    async def history(self, user_id: str) -> list[dict[str, Any]]:
        """Return the latest reaction of a user to each item."""
        entries: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self._get(f"/users/{user_id}/history", limit=PAGE, **cursor)
            entries += page["history"]
            if page["cursor"] is None:
                return entries
            cursor = {"cursor": page["cursor"]}

    async def recommended(self, user_id: str, **query: Any) -> dict[str, str]:
        """Return the items of a user's next list, and the source of each."""
        answer = await self._get(f"/recs/{user_id}", **query)
        return {item["item_id"]: item["source"] for item in answer["items"]}

    async def status(self, path: str, **query: Any) -> str:
        """Return how a GET is answered: a status, or the name of the error."""
        try:
            return str((await self._http.get(path, params=query)).status_code)
        except httpx.TransportError as error:
            return type(error).__name__

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def _get(self, path: str, **query: Any) -> Any:
        response = await self._http.get(path, params=query)
        response.raise_for_status()
        return response.json()


@asynccontextmanager
async def reading(address: str, token: str) -> AsyncIterator[Counter[str]]:
    """Read lists and counters until the end of the block, and count how that was answered.

    It is what makes the cache be rebuilt while the workers write to it.
    """
    answers: Counter[str] = Counter()
    chance = random.Random(3)

    async def read(reader: Reader) -> None:
        while True:
            user = f"user-{chance.randrange(USERS)}"
            path = chance.choice(["/popular", f"/recs/{user}", f"/users/{user}/history"])
            answers[await reader.status(path, limit=2)] += 1
            await asyncio.sleep(chance.uniform(0, 2 * PAUSE))

    async with Reader(address, token) as reader:
        tasks = [asyncio.create_task(read(reader)) for _ in range(READERS)]
        try:
            yield answers
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


def unforeseen(*answers: Counter[str]) -> set[str]:
    """Return the answers that no fault excuses: statuses other than 200 and 503."""
    statuses = {name for counted in answers for name in counted if name[0].isdigit()}
    return statuses - {"200", "503"}
