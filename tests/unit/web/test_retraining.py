"""When the embedded profile trains."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from services.model_store import Data, Draft, ModelStore
from services.web import retraining
from services.web.config import PlatformSettings
from services.web.retraining import Retraining


class Recorded(Retraining):
    """Notes what it would train."""

    trained: list[str]

    async def _train(self, workspace: str) -> None:
        self.trained.append(workspace)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(f"file://{tmp_path}")


def publish(store: ModelStore, rows: int) -> None:
    data = Data(start=None, end=None, rows=rows, users=0, items=0, sha256="ab" * 32)
    draft = Draft(code_version="1", data=data, parameters={}, serving={}, metrics={}, protocol={})
    version = store.publish("w", "m", arrays={"a": np.zeros(1)}, manifest=draft).version
    store.promote("w", "m", version, expected=None, reason="test")


async def looks(
    store: ModelStore, *counts: int, stale_after: timedelta = timedelta.max
) -> list[int]:
    """Return after how many looks it had trained how often."""
    rows = iter(counts)

    async def count() -> Mapping[str, int]:
        return {"w": next(rows)}

    made = Recorded(
        store,
        PlatformSettings(),
        model="m",
        counts=count,
        enough=0.1,
        at_least=5,
        stale_after=stale_after,
    )
    made.trained = []
    found = []
    for _ in counts:
        await made.look()
        found.append(len(made.trained))
    return found


async def test_the_first_training_takes_enough_rows(store: ModelStore) -> None:
    assert await looks(store, 4, 5, 5) == [0, 1, 1]


async def test_later_ones_take_a_share_of_what_the_model_knows(store: ModelStore) -> None:
    publish(store, rows=100)
    assert await looks(store, 105, 109, 110, 119, 121) == [0, 0, 1, 1, 2]


async def test_an_old_model_is_renewed_once_a_day_if_anything_is_new(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, rows=100)
    assert await looks(store, 101, stale_after=timedelta(days=1)) == [0]
    assert await looks(store, 100, stale_after=timedelta(seconds=-1)) == [0]
    assert await looks(store, 101, 101, 101, stale_after=timedelta(seconds=-1)) == [1, 1, 1]

    tomorrow = datetime.now(UTC) + timedelta(hours=25)
    monkeypatch.setattr(retraining, "now", lambda: tomorrow)
    assert await looks(store, 101, 99, stale_after=timedelta(days=1)) == [1, 1]
