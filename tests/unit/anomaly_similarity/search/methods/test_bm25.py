"""BM25 by its formula, reckoned by hand."""

from math import log

import pytest

from services.anomaly_similarity.search.methods import bm25
from services.anomaly_similarity.search.spaces import Space
from services.anomaly_similarity.search.vocabulary import Vocabulary
from tests.unit.anomaly_similarity.search.fleet import case


def test_a_score_is_that_of_the_formula():
    cases = [case(1, "pump pump leak"), case(2, "valve")]  # mean length 2
    space = Space.fit("words", cases, Vocabulary())
    method = bm25.load(space, bm25.fit(space, cases))
    method.add(cases)

    scores = method.score([case(3, "pump")])[0]

    weight = 2 * 2.5 / (2 + 1.5 * (0.25 + 0.75 * 3 / 2))
    assert scores.tolist() == pytest.approx([log(1 + (2 - 1 + 0.5) / 1.5) * weight, 0.0])
