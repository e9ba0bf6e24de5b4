from __future__ import annotations

import numpy as np
import pytest

from services.recommendations.catalogue import Item
from services.recommendations.datasets import Dataset, from_columns
from services.recommendations.models import popularity
from services.recommendations.scoring import NOTHING, build_scorer


def test_an_item_counts_by_how_many_people_liked_it() -> None:
    told = from_columns(
        ["a", "b", "a", "b", "c"], [4, 4, 1, 2, 2], [1.0, 1.0, 0.3, 1.0, -1.0], [0.0] * 5
    )
    items = [Item(number, str(number)) for number in range(6)]
    fitted = popularity.fit(Dataset(told, items, epoch=3))
    scorer = build_scorer(fitted.arrays, fitted.serving)
    scorer.place(items, 6)
    (scores,) = scorer.score([NOTHING])
    assert np.expm1(scores).tolist() == pytest.approx([0, 1, 1, 0, 2, 0])
    assert fitted.serving == {"kind": "popularity", "epoch": 3}
