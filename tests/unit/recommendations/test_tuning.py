from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from services.recommendations import tuning
from services.recommendations.datasets import Dataset, split
from services.recommendations.models import lightfm
from services.recommendations.models.lightfm import FOLD_IN, Parameters


def test_who_chooses_does_not_judge(make_checkerboard: Callable[..., Dataset]) -> None:
    data = make_checkerboard(users=210)
    choosers, judges = tuning.choosers_and_judges(data, split(data.interactions))
    assert len(choosers) >= tuning.ENOUGH
    assert len(judges) == pytest.approx(4 * len(choosers), abs=5)
    assert not set(choosers) & set(judges)


def test_few_people_all_judge(checkerboard: Dataset) -> None:
    choosers, judges = tuning.choosers_and_judges(checkerboard, split(checkerboard.interactions))
    assert (len(choosers), len(judges)) == (0, 40)


def test_the_best_of_the_grid_is_chosen(checkerboard: Dataset) -> None:
    parts = split(checkerboard.interactions)
    fitted = lightfm.fit(checkerboard.only(parts.train), Parameters(dimensions=8, epochs=5))
    users = np.arange(40)
    tuned = tuning.tune(fitted, checkerboard, parts, users)
    found = tuning.judge(tuned, checkerboard, parts, users).measures.ndcg
    assert all(tuned.serving[name] in values for name, values in tuning.GRID.items())
    for regularisation in tuning.GRID["regularisation"]:
        other = tuned.serving_with(regularisation=regularisation)
        assert found >= tuning.judge(other, checkerboard, parts, users).measures.ndcg


def test_without_choosers_the_model_stays_as_it_is(checkerboard: Dataset) -> None:
    parts = split(checkerboard.interactions)
    fitted = lightfm.fit(checkerboard.only(parts.train), Parameters(dimensions=8, epochs=1))
    assert tuning.tune(fitted, checkerboard, parts, np.arange(0)) is fitted


def test_the_grid_varies_what_folding_in_needs() -> None:
    assert tuning.GRID.keys() == FOLD_IN.keys()
