"""Scores for everybody who asks at the same time, in one matrix product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from services.coalescing import Coalescer
from services.recommendations.loading import ServedModel
from services.recommendations.scoring import Floats, History, Scorer
from services.recommendations.shortlist import Shortlist, shortlists

T = TypeVar("T")

SCORE_BATCH = 32  # histories in one matrix product: beyond it the time per history stays the same
SCORE_WAITING = 5_000  # requests; about two seconds of work
IN_LOOP = (
    2_000_000  # scores (histories × items) computed on the event loop, about a millisecond's worth
)


class Batches:
    """Scores and shortlists of one workspace; a batch takes what waits while the one before is made.

    Be `still` to change what a scorer knows of the catalogue: no thread reads it meanwhile.
    """

    def __init__(self) -> None:
        self._scoring, self._searching, self._comparing = (asyncio.Lock() for _ in range(3))
        self._scores: Coalescer[tuple[ServedModel, History], Floats] = Coalescer(
            self._score, max_batch=SCORE_BATCH, max_waiting=SCORE_WAITING
        )
        self._shortlists: Coalescer[tuple[ServedModel, History], Shortlist | None] = Coalescer(
            self._search, max_batch=SCORE_BATCH, max_waiting=SCORE_WAITING
        )

    async def scores(self, history: History, model: ServedModel | None) -> Floats | None:
        """Return a score by item number, or None without a personal model or without a history."""
        if model is None or not model.scores(history):
            return None
        return await self._scores.submit((model, history))

    async def shortlist(self, history: History, model: ServedModel | None) -> Shortlist | None:
        """Return what this history may like best of a large catalogue, or None: all are to be scored."""
        if model is None or not model.searches or not model.scores(history):
            return None
        return await self._shortlists.submit((model, history))

    async def _score(self, asked: Sequence[tuple[ServedModel, History]]) -> list[Floats]:
        return await _by_model(asked, self._scored)

    async def _search(self, asked: Sequence[tuple[ServedModel, History]]) -> list[Shortlist | None]:
        return await _by_model(asked, self._searched)

    async def _scored(self, scorer: Scorer, histories: list[History]) -> Floats:
        if len(histories) * len(scorer.popularity) <= IN_LOOP:
            return scorer.score(histories)
        async with self._scoring:
            return await asyncio.to_thread(scorer.score, histories)

    async def _searched(self, scorer: Scorer, histories: list[History]) -> list[Shortlist | None]:
        async with self._searching:
            return await asyncio.to_thread(shortlists, scorer, histories)

    async def aside(self, work: Callable[[], T]) -> T:
        """Return what other work with a scorer gives, done in a thread."""
        async with self._comparing:
            return await asyncio.to_thread(work)

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Wait until no thread reads a scorer, and keep others from it."""
        async with self._scoring, self._searching, self._comparing:
            yield

    async def close(self) -> None:
        """Let the requests under way finish."""
        await self._scores.close()
        await self._shortlists.close()


async def _by_model(
    asked: Sequence[tuple[ServedModel, History]],
    score: Callable[[Scorer, list[History]], Awaitable[Iterable[T]]],
) -> list[T]:
    """Return what each pair of model and history scores, those of one model together."""
    found: dict[int, T] = {}
    for model in {id(model): model for model, _ in asked}.values():
        places = [place for place, (each, _) in enumerate(asked) if each is model]
        rows = await score(model.scorer, [asked[place][1] for place in places])
        found.update(zip(places, rows, strict=True))
    return [found[place] for place in range(len(asked))]
