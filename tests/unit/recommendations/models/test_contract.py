"""What every model promises, on a checkerboard of tastes: even people like even items, odd people odd ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from services.model_store import Draft, ModelStore
from services.model_store.manifest import Data
from services.recommendations.catalogue import Item
from services.recommendations.datasets import Dataset
from services.recommendations.loading import MODEL
from services.recommendations.models import Fitted, als, blend, ease, lightfm, popularity, rlfm
from services.recommendations.scorers import interface
from services.recommendations.scoring import NOTHING, History, Scorer, build_scorer, load_scorer
from tests.unit.recommendations.conftest import with_passed_over

Fit = Callable[..., Fitted]
RECENT = {"half_life": None, "history": 30}


def _ease(dataset: Dataset, *, seed: int = 0) -> Fitted:
    return ease.fit(dataset, ease.Parameters(regularisation=50.0), seed=seed).serving_with(**RECENT)


def _als(dataset: Dataset, *, seed: int = 0) -> Fitted:
    parameters = als.Parameters(dimensions=4, regularisation=5.0)
    return als.fit(dataset, parameters, seed=seed).serving_with(**RECENT)


def _lightfm(dataset: Dataset, *, seed: int = 0) -> Fitted:
    parameters = lightfm.Parameters(dimensions=16, epochs=20)
    return lightfm.fit(dataset, parameters, seed=seed).serving_with(regularisation=10.0, **RECENT)


def _rlfm(dataset: Dataset, *, seed: int = 0) -> Fitted:
    parameters = rlfm.Parameters(dimensions=4, shrinkage=2.0)
    return rlfm.fit(with_passed_over(dataset), parameters, seed=seed).serving_with(**RECENT)


def _blend(dataset: Dataset, *, seed: int = 0) -> Fitted:
    parts = {"ease": _ease(dataset), "als": _als(dataset, seed=seed), "lightfm": _lightfm(dataset)}
    return blend.join(parts, {"ease": 0.5, "als": 0.3, "lightfm": 0.2})


PERSONAL: dict[str, Fit] = {
    "ease": _ease,
    "als": _als,
    "lightfm": _lightfm,
    "rlfm": _rlfm,
    "blend": _blend,
}
ALL: dict[str, Fit] = {"popularity": popularity.fit, **PERSONAL}


@dataclass(frozen=True)
class Learned:
    """A model of the checkerboard."""

    name: str
    fitted: Fitted
    dataset: Dataset

    def scorer(self, fitted: Fitted | None = None) -> Scorer:
        fitted = fitted or self.fitted
        scorer = build_scorer(fitted.arrays, fitted.serving)
        scorer.place(self.dataset.items, self.dataset.size)
        return scorer


@pytest.fixture(scope="module")
def learned() -> dict[str, Learned]:
    """Each model is fitted once for all of these tests."""
    return {}


def _learned(cache: dict[str, Learned], name: str, dataset: Dataset) -> Learned:
    if name not in cache:
        cache[name] = Learned(name, ALL[name](dataset), dataset)
    return cache[name]


@pytest.fixture(params=list(ALL))
def model(
    request: pytest.FixtureRequest, checkerboard: Dataset, learned: dict[str, Learned]
) -> Learned:
    return _learned(learned, request.param, checkerboard)


@pytest.fixture(params=list(PERSONAL))
def personal(
    request: pytest.FixtureRequest, checkerboard: Dataset, learned: dict[str, Learned]
) -> Learned:
    return _learned(learned, request.param, checkerboard)


def told(*pairs: tuple[int, float]) -> History:
    return History(
        np.array([number for number, _ in pairs], np.int32),
        np.array([weight for _, weight in pairs], np.float32),
    )


def likes(*items: int) -> History:
    return told(*((item, 1.0) for item in items))


def test_people_get_the_colour_that_they_like(personal: Learned) -> None:
    rows = personal.dataset.interactions
    histories = [rows.history(user) for user in range(40)]
    for user, row in enumerate(personal.scorer().score(histories)):
        row[histories[user].items] = -np.inf
        assert (np.argsort(-row)[:5] % 2 == int(rows.user_ids[user][-1]) % 2).all(), user


def test_somebody_who_was_never_seen_gets_it_after_two_likes(personal: Learned) -> None:
    even, odd = personal.scorer().score([likes(0, 2), likes(1, 3)])
    assert set(np.argsort(-even)[:8] % 2) == {0}
    assert set(np.argsort(-odd)[:8] % 2) == {1}


def test_a_dislike_lowers_what_is_like_it(personal: Learned) -> None:
    """Against the other colour: a blend's scores have no unit."""
    liked, disliked, mixed = personal.scorer().score(
        [likes(0, 2), told((0, -1.0), (2, -1.0)), told((0, 1.0), (2, 1.0), (1, -1.0), (3, -1.0))]
    )
    rest = np.arange(4, 40)
    even, odd = rest[rest % 2 == 0], rest[rest % 2 == 1]
    assert liked[even].mean() > liked[odd].mean()
    assert disliked[even].mean() < disliked[odd].mean()
    assert mixed[even].mean() > mixed[odd].mean()


def test_an_empty_history_gets_popularity_and_so_does_one_of_unknown_items(model: Learned) -> None:
    scorer = model.scorer()
    for row in scorer.score([NOTHING, likes(99), told((0, 0.0))]):
        assert row.tolist() == scorer.popularity.tolist()


def test_items_unknown_to_the_model_get_numbers_and_change_no_others(model: Learned) -> None:
    scorer = model.scorer()
    before = scorer.score([likes(0, 2)])[0]
    scorer.place(
        [Item(40, "x", genres=("even",)), Item(41, "y"), Item(42, "z", genres=("new",))], 43
    )
    after, strange = scorer.score([likes(0, 2), likes(41, 0)])
    assert after.shape == (43,)
    assert np.isfinite(after).all()
    assert np.isfinite(strange).all()
    assert (np.argsort(-after[:40])[:10] == np.argsort(-before)[:10]).all()
    assert np.isfinite(scorer.alike(41)).all()


def test_a_score_does_not_depend_on_who_else_is_in_the_batch(model: Learned) -> None:
    scorer = model.scorer()
    histories = [likes(0), NOTHING, likes(*range(1, 30, 2)), told((4, -1.0), (7, 0.3)), likes(99)]
    together = scorer.score(histories)
    for row, history in zip(together, histories, strict=True):
        assert np.allclose(row, scorer.score([history])[0], atol=2e-3)
    assert scorer.score([]).shape == (0, 40)


def test_scores_may_be_changed_by_whoever_asked(model: Learned) -> None:
    scorer = model.scorer()
    expected = scorer.score([likes(0)])
    scorer.score([likes(0)])[:] = -1
    scorer.alike(0)[:] = -1
    assert np.allclose(scorer.score([likes(0)]), expected)


def test_likeness_is_of_the_same_colour_within_bounds_and_symmetric(personal: Learned) -> None:
    scorer = personal.scorer()
    alike = scorer.alike(6)
    assert alike.shape == (40,)
    assert alike.max() == alike[6] == pytest.approx(1.0, abs=1e-3)
    assert np.abs(alike).max() <= 1 + 1e-6
    others = np.arange(40) != 6
    assert alike[others & (np.arange(40) % 2 == 0)].mean() > alike[np.arange(40) % 2 == 1].mean()
    numbers = [6, 0, 1, 33]
    pairs = scorer.pairwise(numbers)
    assert pairs.shape == (4, 4)
    assert np.allclose(np.diag(pairs), 1.0)
    assert np.allclose(pairs, pairs.T, atol=1e-5)
    assert pairs[0] == pytest.approx(alike[numbers], abs=1e-3)


def test_likeness_of_nothing_is_nothing(model: Learned) -> None:
    scorer = model.scorer()
    assert scorer.pairwise([]).shape == (0, 0)
    assert np.diag(scorer.pairwise([3, 4])).tolist() == pytest.approx([1.0, 1.0])


def test_contributions_add_up_to_what_a_history_changes(personal: Learned) -> None:
    """Score = contributions + a rest that does not depend on what was liked."""
    scorer = personal.scorer()
    history = told((0, 1.0), (3, 1.0), (8, -1.0), (99, 1.0), (2, 0.3))
    (found,) = scorer.contributions(history, [10])
    assert found.shape == (5,)
    assert found[3] == 0
    assert found[0] > 0 > found[2]
    if personal.name in {"ease", "als"}:  # without biases
        assert found.sum() == pytest.approx(scorer.score([history])[0, 10], abs=2e-3)


def test_contributions_to_many_items_are_those_to_each(personal: Learned) -> None:
    for scored_before in (False, True):
        scorer = personal.scorer()
        for history in (
            likes(0, 3, 0),
            likes(*range(2, 36)),
        ):  # twice the same; more than dimensions
            if scored_before:
                scorer.score([history])
            together = scorer.contributions(history, [10, 1, 10, 39])
            alone = np.vstack(
                [scorer.contributions(history, [number]) for number in (10, 1, 10, 39)]
            )
            assert together == pytest.approx(alone, abs=1e-5)


def test_a_blends_contributions_and_the_biases_of_its_parts_are_its_score(
    checkerboard: Dataset, learned: dict[str, Learned]
) -> None:
    """EASE and ALS have none, so that theirs add up to all of it; in LightFM they are the same for all."""
    fitted = blend.join(
        {name: _learned(learned, name, checkerboard).fitted for name in ("ease", "als")},
        {"ease": 0.4, "als": 0.6},
    )
    scorer = _learned(learned, "ease", checkerboard).scorer(fitted)
    history = told((0, 1.0), (3, 1.0), (8, -1.0), (2, 0.3))
    numbers = list(range(40))
    found = scorer.contributions(history, numbers).sum(axis=1)
    assert found == pytest.approx(scorer.score([history])[0], abs=5e-3)


def test_a_blend_weighs_its_parts_in_another_way_for_short_histories(
    checkerboard: Dataset, learned: dict[str, Learned]
) -> None:
    """By each alone, a short history gets the scores of the one and a long one those of the other."""
    parts = {name: _learned(learned, name, checkerboard).fitted for name in ("ease", "als")}
    scorer, ease_alone, als_alone = (
        _learned(learned, "ease", checkerboard).scorer(fitted)
        for fitted in (
            blend.join(parts, {"ease": 1.0, "als": 0.0}, {"ease": 0.0, "als": 1.0}),
            blend.join(parts, {"ease": 1.0, "als": 0.0}),
            blend.join(parts, {"ease": 0.0, "als": 1.0}),
        )
    )
    short, long = likes(0, 2, 4, 6, 8), likes(0, 2, 4, 6, 8, 10)
    for histories in ([short, long], [long, short], [short], [long]):
        rows = scorer.score(histories)
        for row, history in zip(rows, histories, strict=True):
            alone = als_alone if history is short else ease_alone
            assert row == pytest.approx(alone.score([history])[0], abs=1e-5)
            found = scorer.contributions(history, [12, 13])
            assert found == pytest.approx(alone.contributions(history, [12, 13]), abs=1e-5)


def test_without_a_history_or_items_nothing_contributes(model: Learned) -> None:
    assert model.scorer().contributions(NOTHING, [3, 4]).shape == (2, 0)
    assert model.scorer().contributions(likes(0, 2), []).shape == (0, 2)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, personal: Learned) -> tuple[Scorer, Scorer]:
    """The same model twice: of a small catalogue, and as that of a large one."""
    small = personal.scorer()
    monkeypatch.setattr(interface, "EXACT", 10)
    return small, personal.scorer()


SOME = [likes(0, 2), told((1, 1.0), (4, -1.0)), likes(41, 0), told((3, 0.3))]
NEW = [Item(40, "x", genres=("even",)), Item(41, "y"), Item(42, "z", genres=("odd", "new"))]


def test_a_large_catalogue_is_scored_as_a_small_one(large: tuple[Scorer, Scorer]) -> None:
    small, big = large
    for _ in range(2):
        for scores, same in zip(
            small.score([*SOME, NOTHING]), big.score([*SOME, NOTHING]), strict=True
        ):
            assert same == pytest.approx(scores, abs=1e-4, rel=1e-4)
        assert big.alike(6) == pytest.approx(small.alike(6), abs=1e-4)
        assert big.pairwise([6, 1]) == pytest.approx(small.pairwise([6, 1]), abs=1e-4)
        added = [each.contributions(SOME[1], [7, 12]) for each in (small, big)]
        assert added[0] == pytest.approx(added[1], abs=1e-4)
        small.place(NEW, 43)
        big.place(NEW, 43)


def test_a_taste_scores_some_items_as_all_are_scored(large: tuple[Scorer, Scorer]) -> None:
    _, scorer = large
    assert scorer.index()
    for _ in range(2):
        for taste, row in zip(scorer.tastes(SOME), scorer.score(SOME), strict=True):
            assert taste is not None
            numbers = np.array([3, 39, 0, len(row) - 1])
            assert taste.at(numbers) == pytest.approx(row[numbers], abs=1e-3, rel=1e-3)
            if taste.spread is not None:
                assert taste.spread == pytest.approx(row.std(), rel=1e-2)
        scorer.place(NEW, 43)


def test_a_taste_nominates_what_scores_highest(large: tuple[Scorer, Scorer]) -> None:
    _, scorer = large
    scorer.index()
    for taste, row in zip(scorer.tastes(SOME[:2]), scorer.score(SOME[:2]), strict=True):
        assert taste is not None
        nominated = np.sort(row[taste.best(12)])[-3:]
        # Codes of 8 bits do not tell apart what scores all but the same.
        assert nominated == pytest.approx(np.sort(row)[-3:], abs=0.02 * float(np.ptp(row)))


@pytest.mark.parametrize("personal", ["lightfm", "rlfm", "blend"], indirect=True)
def test_an_item_placed_after_the_index_was_made_is_nominated(
    personal: Learned, large: tuple[Scorer, Scorer]
) -> None:
    """By the models that know new items by their genres."""
    _, scorer = large
    scorer.index()
    scorer.place([Item(40, "x", genres=("even",)), Item(41, "y", genres=("odd",))], 42)
    even, odd = scorer.tastes([likes(0, 2, 4), likes(1, 3, 5)])
    assert even is not None
    assert odd is not None
    assert 40 in even.best(21)
    assert 41 in odd.best(21)


def test_somebody_of_whom_nothing_is_known_is_not_searched_for(
    model: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interface, "EXACT", 10)
    scorer = model.scorer()
    assert scorer.index() == (model.name != "popularity")
    assert scorer.tastes([NOTHING, likes(99)]) == [None, None]


def test_a_small_catalogue_has_no_index(model: Learned) -> None:
    assert not model.scorer().index()


def test_recency_lets_the_newest_decide(personal: Learned) -> None:
    history = likes(0, 2, 4, 6, 1)
    if personal.name == "blend":
        parts = {k: {**v, "half_life": 0.5} for k, v in personal.fitted.serving["parts"].items()}
        recent = personal.fitted.serving_with(parts=parts)
    else:
        recent = personal.fitted.serving_with(half_life=0.5)
    rest = np.arange(7, 40)
    for fitted, colour in ((personal.fitted, 0), (recent, 1)):
        scores = personal.scorer(fitted).score([history])[0][rest]
        assert (scores[rest % 2 == colour].mean() > scores[rest % 2 != colour].mean()) is np.True_


def test_a_model_comes_back_from_the_store_as_it_went_in(model: Learned, store: ModelStore) -> None:
    draft = Draft(
        code_version="0",
        data=Data(start=None, end=None, rows=0, users=0, items=0, sha256="0" * 64),
        parameters=dict(model.fitted.parameters),
        serving=dict(model.fitted.serving),
        metrics={},
        protocol={},
    )
    version = store.publish("w", MODEL, arrays=model.fitted.arrays, manifest=draft).version
    scorer = load_scorer(store.load("w", MODEL, version))
    scorer.place(model.dataset.items, model.dataset.size)
    histories = [likes(0, 2), NOTHING, told((1, -1.0))]
    assert (scorer.score(histories) == model.scorer().score(histories)).all()


def test_the_same_seed_gives_the_same_bytes(model: Learned) -> None:
    again = ALL[model.name](model.dataset)
    assert again.serving == model.fitted.serving
    for name, array in model.fitted.arrays.items():
        assert again.arrays[name].tobytes() == array.tobytes(), name


def test_dislikes_are_never_learned_as_likes(model: Learned, checkerboard: Dataset) -> None:
    rows = checkerboard.interactions
    weights = np.where(rows.items == 7, np.float32(-1), rows.weights)
    board = checkerboard.only(replace(rows, weights=weights))
    scorer = build_scorer((fitted := ALL[model.name](board)).arrays, fitted.serving)
    scorer.place(board.items, board.size)
    assert scorer.popularity[7] == 0
    if model.name != "popularity":
        odd = scorer.score([likes(1, 3)])[0]
        assert odd[7] < odd[[9, 11, 13, 15, 17]].mean()
