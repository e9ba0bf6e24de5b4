"""When the embedded profile trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from services.model_store import Data, Draft, ModelStore
from services.web import retraining
from services.web.config import PlatformSettings
from services.web.retraining import PAUSE, Retraining, Standing


class Recorded(Retraining):
    """Notes how often it would have trained; a training does what `training` says."""

    def __init__(
        self,
        store: ModelStore,
        *,
        stale_after: timedelta = timedelta.max,
        training: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(
            store,
            PlatformSettings(),
            model="m",
            standings=self._told,
            enough=0.1,
            at_least=5,
            stale_after=stale_after,
        )
        self.training, self.trained = training, list[str]()

    async def after(self, rows: int, epoch: int = 0, mark: str = "") -> int:
        """Look; return how often it has trained by then."""
        self.standing = Standing(rows, epoch, mark)
        await self.look()
        return len(self.trained)

    async def _told(self) -> Mapping[str, Standing]:
        return {"w": self.standing}

    async def _train(self, workspace: str) -> bool:
        self.trained.append(workspace)
        return self.training()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(f"file://{tmp_path}")


def publish(store: ModelStore, rows: int, *, epoch: int = 0, mark: str | None = None) -> None:
    data = Data(start=None, end=None, rows=rows, users=0, items=0, sha256="ab" * 32)
    draft = Draft(
        code_version="1",
        data=data,
        parameters={"rows": rows},
        serving={"epoch": epoch},
        metrics={},
        protocol={} if mark is None else {retraining.MARK: mark},
    )
    version = store.publish("w", "m", arrays={"a": np.zeros(1)}, manifest=draft).version
    current = store.current("w", "m")
    expected = current.generation if current else None
    store.promote("w", "m", version, expected=expected, reason="test")


async def looks(store: ModelStore, *rows: int, stale_after: timedelta = timedelta.max) -> list[int]:
    """Return after how many looks it had trained how often."""
    made = Recorded(store, stale_after=stale_after)
    return [await made.after(each) for each in rows]


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


async def test_a_training_after_which_nothing_serves_waits_for_more(store: ModelStore) -> None:
    # Such as one that is not better than popularity.
    assert await looks(store, 100, 100, 109, 110) == [1, 1, 1, 2]


def training(store: ModelStore, rows: int, *, epoch: int = 0) -> Callable[[], bool]:
    """A training that publishes, and is done."""

    def trained() -> bool:
        publish(store, rows, epoch=epoch)
        return True

    return trained


async def test_what_is_filled_again_after_a_cleanup_is_trained_as_new(store: ModelStore) -> None:
    made = Recorded(store, training=training(store, 100))
    assert await made.after(100) == 1
    store.delete_workspace("w")
    made.training = training(store, 5, epoch=1)
    assert await made.after(4, epoch=1) == 1
    assert await made.after(5, epoch=1) == 2
    assert await made.after(9, epoch=1) == 2
    assert await made.after(10, epoch=1) == 3


async def test_a_model_of_before_the_cleanup_holds_nothing_up(store: ModelStore) -> None:
    publish(store, rows=100)  # by a training that was under way during the cleanup
    assert await Recorded(store).after(5, epoch=1) == 1


async def test_a_failure_of_before_the_cleanup_holds_nothing_up(store: ModelStore) -> None:
    made = Recorded(store, training=lambda: False)
    assert await made.after(100) == 1
    assert await made.after(5, epoch=1) == 2


async def test_a_model_that_is_gone_is_trained_anew(store: ModelStore) -> None:
    made = Recorded(store, training=training(store, 100))
    assert [await made.after(100) for _ in range(2)] == [1, 1]
    store.delete_workspace("w")
    assert [await made.after(100) for _ in range(2)] == [2, 2]


async def test_a_training_that_failed_is_repeated_after_a_pause(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, rows=100)
    made = Recorded(store, training=lambda: False)
    assert [await made.after(rows) for rows in (110, 110, 200)] == [1, 1, 1]

    later = datetime.now(UTC) + PAUSE
    monkeypatch.setattr(retraining, "now", lambda: later)
    assert [await made.after(110) for _ in range(2)] == [2, 2]

    later += PAUSE
    made.training = lambda: True
    assert [await made.after(110) for _ in range(2)] == [3, 3]

    later += PAUSE
    assert await made.after(110) == 3  # it was done


async def test_a_training_that_broke_off_is_repeated_after_a_pause(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks() -> bool:
        raise OSError("no process")

    made = Recorded(store, training=breaks)
    with pytest.raises(OSError, match="no process"):
        await made.after(5)
    assert await made.after(5) == 1

    later = datetime.now(UTC) + PAUSE
    monkeypatch.setattr(retraining, "now", lambda: later)
    made.training = lambda: True
    assert await made.after(5) == 2


async def test_whatever_changed_renews_an_old_model_once(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, rows=100, mark="1")
    made = Recorded(store, stale_after=timedelta(days=1))
    assert await made.after(100, mark="2") == 0

    later = datetime.now(UTC) + timedelta(hours=25)
    monkeypatch.setattr(retraining, "now", lambda: later)
    assert await made.after(100, mark="1") == 0  # nothing is new
    assert [await made.after(100, mark="2") for _ in range(2)] == [1, 1]
    later += timedelta(hours=25)
    assert await made.after(100, mark="2") == 1  # nothing since, though it was not promoted
    assert await made.after(100, mark="3") == 2


async def test_a_version_without_a_mark_is_renewed_for_rows_alone(store: ModelStore) -> None:
    publish(store, rows=100)
    made = Recorded(store, stale_after=timedelta(seconds=-1))
    assert await made.after(100, mark="2") == 0
    assert await made.after(101, mark="2") == 1


async def test_a_child_that_ends_badly_or_too_late_has_failed(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Retraining(
        store, PlatformSettings(), model="nothing", standings=_nothing, enough=0.1, at_least=5
    )
    with monkeypatch.context() as patched:
        patched.setattr(retraining, "TRAINING_TIMEOUT", 0.0)
        assert not await made._train("w")
    assert not await made._train("w")  # there is no `akin train nothing`


async def _nothing() -> Mapping[str, Standing]:
    return {}
