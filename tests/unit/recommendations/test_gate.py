from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.model_store import Draft, ModelStore
from services.recommendations import grids
from services.recommendations.candidates import Candidate, Comparison
from services.recommendations.datasets import Dataset, Interactions, split_each_user
from services.recommendations.evaluation import Evaluation, Measures
from services.recommendations.gate import ENOUGH, Gate
from services.recommendations.loading import MODEL
from services.recommendations.models import Fitted, popularity
from services.recommendations.training import train_on
from tests.unit.recommendations.conftest import with_passed_over

USERS = 120  # enough to compare by
LATER = 1_000_000.0  # seconds; after everything on the first board


@pytest.fixture
def earlier(make_checkerboard: Callable[..., Dataset]) -> Dataset:
    return make_checkerboard(users=USERS)


@pytest.fixture
def later(earlier: Dataset) -> Dataset:
    """The same people have liked more: the last third of what they liked came after the champion."""
    told = earlier.interactions
    newest = np.concatenate(
        [np.arange(n) >= n * 2 // 3 for n in np.diff(told.starts)]  # rows are ordered by time
    )
    return earlier.only(replace(told, times=told.times + LATER * newest))


def without_the_newest(later: Dataset) -> Dataset:
    return later.only(later.interactions.where(later.interactions.times < LATER))


def without_one(board: Dataset) -> Dataset:
    told = board.interactions
    return board.only(told.where(np.arange(len(told)) != len(told) - 1))


def test_on_the_same_data_only_what_is_better_replaces_the_champion(
    earlier: Dataset, store: ModelStore, request: pytest.FixtureRequest
) -> None:
    before = train_on(earlier, store, "default").version
    request.getfixturevalue("popularity_only")
    report = train_on(earlier, store, "default")
    assert not report.promoted
    assert "learned from the same data" in report.reason
    assert champion_of(store) == before


@pytest.fixture
def popularity_only() -> Iterator[pytest.MonkeyPatch]:
    """Nothing else can be trained, until the patch is undone."""
    alone = [kind for kind in grids.models()[0] if kind.name == grids.BASELINE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.recommendations.candidates.models", lambda: (alone, []))
        yield patch


def champion_of(store: ModelStore) -> str | None:
    current = store.current("default", MODEL)
    return current.version if current else None


def test_a_champion_that_does_as_well_on_new_likes_is_compared_by_them(
    later: Dataset, store: ModelStore
) -> None:
    train_on(without_the_newest(later), store, "default")
    report = train_on(later, store, "default")
    assert report.champion is not None
    assert report.champion.users >= ENOUGH
    assert "since that was trained" in report.reason


def test_a_worse_model_does_not_replace_the_champion(
    later: Dataset, store: ModelStore, request: pytest.FixtureRequest
) -> None:
    train_on(without_the_newest(later), store, "default")
    before = champion_of(store)
    request.getfixturevalue("popularity_only")
    report = train_on(later, store, "default")
    assert not report.promoted
    assert report.champion is not None
    assert report.champion.ndcg > report.rows[0].measures.ndcg
    assert champion_of(store) == before != report.version


def test_a_better_model_replaces_the_champion(
    later: Dataset, store: ModelStore, popularity_only: pytest.MonkeyPatch
) -> None:
    train_on(without_the_newest(later), store, "default")
    popularity_only.undo()
    report = train_on(later, store, "default")
    assert report.promoted
    assert champion_of(store) == report.version
    manifest = store.manifest("default", MODEL, report.version)
    assert manifest.metrics["champion"]["ndcg"] < manifest.metrics[report.chosen]["ndcg"]
    assert manifest.metrics["advantage_over_champion"][1] > 0


def test_where_too_few_new_likes_can_tell_the_newer_data_wins(
    earlier: Dataset, store: ModelStore
) -> None:
    train_on(without_one(earlier), store, "default")
    report = train_on(earlier, store, "default")
    assert report.promoted
    assert report.champion is None
    assert "too few" in report.reason


def test_and_yet_popularity_does_not_replace_what_could_not_be_trained_here(
    earlier: Dataset, store: ModelStore, request: pytest.FixtureRequest
) -> None:
    before = train_on(without_one(earlier), store, "default").version
    request.getfixturevalue("popularity_only")
    report = train_on(earlier, store, "default")
    assert not report.promoted
    assert "could not be trained here" in report.reason
    assert champion_of(store) == before


def test_a_champion_from_before_a_cleanup_has_nothing_to_say(
    checkerboard: Dataset, store: ModelStore
) -> None:
    train_on(checkerboard, store, "default")
    report = train_on(replace(checkerboard, epoch=1), store, "default")
    assert report.promoted
    assert "cleanup" in report.reason


def test_what_cannot_be_made_from_what_the_champion_knew_is_not_compared_with_it(
    earlier: Dataset, later: Dataset, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There were likes alone when the champion was trained; RLFM needs what was passed over too."""
    train_on(earlier, store, "default")
    told = with_passed_over(later).interactions
    when = LATER + told.times % (earlier.interactions.times.max() + 1)
    moved = replace(told, times=np.where(told.weights < 0, when, told.times))
    now = later.only(moved.where(np.lexsort((moved.times, moved.users))))
    kinds = [each for each in grids.models()[0] if each.name in {"popularity", "rlfm"}]
    monkeypatch.setattr("services.recommendations.candidates.models", lambda: (kinds, []))
    report = train_on(now, store, "default")
    assert (report.chosen, report.promoted) == ("rlfm", True)
    assert "cannot be made from what there was before the champion" in report.reason


def test_a_damaged_champion_is_replaced(
    checkerboard: Dataset, store: ModelStore, tmp_path: Path
) -> None:
    before = train_on(checkerboard, store, "default").version
    file, *_ = tmp_path.glob(f"models/default/{MODEL}/{before}/*popularity.npy")
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1])
    report = train_on(checkerboard, store, "default", seed=1)
    assert report.promoted


def test_a_model_that_this_release_cannot_serve_is_replaced(
    checkerboard: Dataset, store: ModelStore
) -> None:
    """A later release has published it, and this one was rolled back."""
    fitted = popularity.fit(checkerboard).serving_with(kind="from the future")
    data = train_on(checkerboard, store, "elsewhere").data
    draft = Draft(
        code_version="99",
        data=data,
        parameters={},
        serving=dict(fitted.serving),
        metrics={},
        protocol={},
    )
    published = store.publish("default", MODEL, arrays=fitted.arrays, manifest=draft)
    store.promote("default", MODEL, published.version, expected=None, reason="later release")
    report = train_on(checkerboard, store, "default")
    assert report.promoted
    assert "cannot be served" in report.reason


def measured(ndcg: list[float], **changes: float) -> Evaluation:
    """Everybody has the same history: user n has the NDCG ndcg[n]."""
    plain = Measures(
        users=len(ndcg),
        ndcg=float(np.mean(ndcg)),
        recall=0.1,
        map=0.1,
        coverage=0.2,
        cold_users=0,
        cold_users_ndcg=0.1,
        cold_items=ENOUGH,
        cold_items_ndcg=0.1,
    )
    nobody = np.full(len(ndcg), np.nan)
    return Evaluation(replace(plain, **changes), np.arange(len(ndcg)), np.array(ndcg), nobody)


def compared(ours: Evaluation, popular: Evaluation) -> tuple[Candidate, Comparison]:
    candidate = Candidate("ease", NO_MODEL, ours, 0.0, {})
    baseline = Candidate(grids.BASELINE, NO_MODEL, popular, 0.0, {})
    return candidate, Comparison([baseline, candidate], [], 0, len(ours.users))


NO_MODEL = Fitted(
    arrays={"numbers": np.zeros(0, np.int32), "popularity": np.zeros(0, np.float32)},
    serving={"kind": "popularity"},
    parameters={},
)
POPULAR = measured([0.1, 0.2] * 60)


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (measured([0.3, 0.0] * 60), "not clearly better than popularity"),
        (measured([0.2, 0.3] * 60, coverage=0.05), "coverage 0.050 is less than half"),
        (measured([0.2, 0.3] * 60, cold_items_ndcg=0.04), "among new items"),
    ],
)
def test_what_is_better_on_the_whole_must_not_be_bad_elsewhere(
    earlier: Dataset, ours: Evaluation, words: str
) -> None:
    candidate, comparison = compared(ours, POPULAR)
    gate = Gate(earlier, split_each_user(earlier.interactions), None, seed=0)
    verdict = gate.weigh(candidate, comparison)
    assert not verdict.promote
    assert words in verdict.reason


def test_what_is_clearly_worse_for_people_with_few_reactions_does_not_pass(
    make_checkerboard: Callable[..., Dataset],
) -> None:
    """A board of eight columns: everybody has three reactions, and one of them is held out."""
    board = make_checkerboard(users=USERS, items=8)
    ours, popular = measured([0.0] * 40 + [1.0] * 80), measured([0.5] * 40 + [0.1] * 80)
    parts = split_each_user(board.interactions)
    warm = replace(parts, train=_with_long_histories(parts.train, after=40))
    candidate, comparison = compared(ours, popular)
    verdict = Gate(board, warm, None, seed=0).weigh(candidate, comparison)
    assert not verdict.promote
    assert "at most 3 reactions it is clearly below popularity's" in verdict.reason


def _with_long_histories(told: Interactions, *, after: int) -> Interactions:
    """Give the users from `after` on four more reactions each."""
    more = [(user, 100 + n) for user in range(after, USERS) for n in range(4)]
    users = np.concatenate([told.users, np.array([user for user, _ in more], np.int32)])
    items = np.concatenate([told.items, np.array([item for _, item in more], np.int32)])
    order = np.argsort(users, kind="stable")
    ones = np.ones(len(users), np.float32)
    return Interactions(users[order], items[order], ones, ones.astype(float), told.user_ids)


def test_the_next_best_is_taken_where_the_best_does_not_pass(earlier: Dataset) -> None:
    parts = split_each_user(earlier.interactions)
    best, comparison = compared(measured([0.4, 0.5] * 60, coverage=0.01), POPULAR)
    second = Candidate("als", NO_MODEL, measured([0.3, 0.4] * 60), 0.0, {})
    all_three = replace(comparison, candidates=[*comparison.candidates, second])
    chosen, verdict = Gate(earlier, parts, None, seed=0).choose(all_three)
    assert (chosen.name, verdict.promote) == ("als", True)
    assert all_three.best_first()[0] is best
