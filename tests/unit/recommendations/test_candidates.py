from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest

from services.recommendations import candidates, searching
from services.recommendations.candidates import Comparison, compare, refit
from services.recommendations.datasets import Dataset, split
from services.recommendations.grids import BASELINE, Model
from services.recommendations.models import Fitted, TooLarge, ease, popularity
from services.recommendations.tuning import judge

HALF_LIVES = {"half_life": (50, 5)}
POPULARITY = Model(BASELINE, popularity.fit, [popularity.Parameters()])


@dataclass(frozen=True)
class Strength:
    """The parameters of a kind that is EASE, written out."""

    regularisation: float


def fit_ease(dataset: Dataset, parameters: Strength, **options: Any) -> Fitted:
    return ease.fit(dataset, ease.Parameters(regularisation=parameters.regularisation), **options)


EASE = Model("ease", fit_ease, [Strength(10.0), Strength(1e7), Strength(20.0)], HALF_LIVES)


@pytest.fixture
def board(make_checkerboard: Callable[..., Dataset]) -> Dataset:
    return make_checkerboard(users=120)  # half of them choose


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> list[Model]:
    """The kinds that can be trained here, to be changed by a test; grids are walked however few choose."""
    found = [POPULARITY, EASE]
    monkeypatch.setattr(candidates, "models", lambda: (found, []))
    monkeypatch.setattr(searching, "ENOUGH_FOR_A_GRID", 1)
    return found


def compared(board: Dataset, **options: Any) -> Comparison:
    return compare(board, split(board.interactions), **options)


def test_every_point_of_the_grids_is_told_with_its_figures(
    board: Dataset, kinds: list[Model]
) -> None:
    comparison = compared(board)
    popular, personal = comparison.candidates
    assert (popular.name, personal.name) == ("popularity", "ease")
    assert [trial.parameters["regularisation"] for trial in personal.trials] == [10.0, 1e7, 20.0]
    assert personal.chosen_by == max(trial.score or 0 for trial in personal.trials)
    assert comparison.best_first() == [personal, popular]
    assert (comparison.choosers, comparison.judges) == (60, 60)


def test_where_few_choose_each_kind_is_fitted_once(
    board: Dataset, kinds: list[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "ENOUGH_FOR_A_GRID", 61)
    assert [len(each.trials) for each in compared(board).candidates] == [1, 1]


def test_what_the_budget_leaves_no_room_for_is_named(board: Dataset, kinds: list[Model]) -> None:
    comparison = compared(board, budget=0.0)
    assert [each.name for each in comparison.candidates] == ["popularity"]
    (note,) = comparison.notes
    assert "no room for: ease (regularisation 10.0)" in note


@dataclass(frozen=True)
class Size:
    """The parameters of a kind whose time grows with them."""

    dimensions: int


def fit_slowly(dataset: Dataset, parameters: Size, **options: Any) -> Fitted:
    time.sleep(0.01)
    fitted = ease.fit(dataset, **options)
    return replace(fitted, parameters={"model": "ease", **asdict(parameters)})


def test_a_fit_that_would_take_too_long_by_the_smaller_ones_is_not_begun(
    board: Dataset, kinds: list[Model]
) -> None:
    kinds[1] = Model("ease", fit_slowly, [Size(1), Size(10_000), Size(2)], HALF_LIVES)
    comparison = compared(board, budget=60.0)  # the large one would take minutes
    tried = [trial.parameters["dimensions"] for trial in comparison.candidates[1].trials]
    assert tried == [1, 2]
    (note,) = comparison.notes
    assert "no room for: ease (dimensions 10000)" in note


def test_a_model_that_is_too_large_is_left_out_and_says_so(
    board: Dataset, kinds: list[Model]
) -> None:
    def refuse(*_: Any, **__: Any) -> Fitted:
        raise TooLarge("It takes 40 GB.")

    kinds[1] = Model("ease", refuse, EASE.parameters, HALF_LIVES)
    comparison = compared(board)
    assert [each.name for each in comparison.candidates] == ["popularity"]
    assert comparison.notes == ["It takes 40 GB."]


def test_a_half_life_that_is_given_is_not_searched(board: Dataset, kinds: list[Model]) -> None:
    personal = compared(board, half_life=3.0).candidates[1]
    assert personal.fitted.serving["half_life"] == 3.0
    assert all(trial.serving == {"half_life": 3.0} for trial in personal.trials)


def test_two_personal_models_are_blended_by_those_who_choose(
    board: Dataset, kinds: list[Model]
) -> None:
    kinds.append(Model("als", fit_ease, [Strength(1_000.0)], HALF_LIVES))
    comparison = compared(board)
    blend = comparison.candidates[-1]
    assert blend.name == "blend"
    assert blend.chosen_by is not None
    assert blend.chosen_by >= max(
        each.rank(comparison.criterion) for each in comparison.candidates[:-1]
    )
    assert sum(blend.weights.values()) == pytest.approx(1.0)


def test_what_was_chosen_can_be_made_again_for_other_data(
    board: Dataset, kinds: list[Model]
) -> None:
    kinds.append(Model("als", fit_ease, [Strength(1_000.0)], HALF_LIVES))
    parts = split(board.interactions)
    told: list[float] = []
    for candidate in compared(board).candidates:
        again = refit(candidate, board.only(parts.train), seed=0, progress=told.append)
        assert again.serving == candidate.fitted.serving
        found = [judge(each, board, parts).ndcg.tolist() for each in (again, candidate.fitted)]
        assert found[0] == found[1]
    assert max(told) == 1.0


def test_progress_grows(board: Dataset, kinds: list[Model]) -> None:
    told: list[float] = []
    compared(board, progress=told.append)
    assert told == sorted(told)
