from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

import numpy as np
import pytest

from services.recommendations import batches
from services.recommendations.batches import Batches
from services.recommendations.catalogue import Item
from services.recommendations.loading import ServedModel
from services.recommendations.scorers.popularity import PopularityScorer
from services.recommendations.scoring import Floats, History

LIKED = History(np.array([0], np.int32), np.ones(1, np.float32))


class Slow(PopularityScorer):
    """Scores when it is let, and says how many were scored together."""

    def __init__(self) -> None:
        super().__init__({"numbers": np.arange(3), "popularity": np.ones(3, np.float32)})
        self.place([Item(number, str(number)) for number in range(3)], 3)
        self.go, self.together = Event(), list[int]()

    def score(self, histories: Sequence[History]) -> Floats:
        assert self.go.wait(5)
        self.together.append(len(histories))
        return super().score(histories)


def served(scorer: Slow) -> ServedModel:
    return ServedModel(
        "v", "m", scorer, personal=True, searches=False, created_at=datetime.now(UTC)
    )


async def test_who_asks_while_a_batch_is_scored_is_scored_with_the_others_who_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "IN_LOOP", 0)
    scorer, made = Slow(), Batches()
    asked = [asyncio.ensure_future(made.scores(LIKED, served(scorer))) for _ in range(1)]
    await asyncio.sleep(0.05)
    model = served(scorer)
    asked += [asyncio.ensure_future(made.scores(LIKED, model)) for _ in range(4)]
    await asyncio.sleep(0.05)
    scorer.go.set()
    found = await asyncio.gather(*asked)
    assert scorer.together == [1, 4]
    assert all(row is not None and row.tolist() == [1, 1, 1] for row in found)
    await made.close()


async def test_the_catalogue_stays_as_it_is_while_a_thread_scores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "IN_LOOP", 0)
    scorer, made = Slow(), Batches()
    asked = asyncio.ensure_future(made.scores(LIKED, served(scorer)))
    await asyncio.sleep(0.05)
    order: list[str] = []

    async def change() -> None:
        async with made.still():
            order.append("changed")

    changing = asyncio.ensure_future(change())
    await asyncio.sleep(0.05)
    order.append("scoring")
    scorer.go.set()
    await asked
    await asyncio.wait_for(changing, 5)
    assert order == ["scoring", "changed"]
    await made.close()


async def test_without_a_model_or_a_history_there_are_no_scores() -> None:
    made, empty = Batches(), History(np.zeros(0, np.int32), np.zeros(0, np.float32))
    assert await made.scores(LIKED, None) is None
    assert await made.scores(empty, served(Slow())) is None
    await made.close()
