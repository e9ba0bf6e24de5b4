"""Rows turn into columns as cases come, which changes no score."""

import numpy as np

from services.anomaly_similarity.search.methods import tfidf
from services.anomaly_similarity.search.methods.inverted import TAIL
from services.anomaly_similarity.search.spaces import Space
from services.anomaly_similarity.search.vocabulary import Vocabulary
from tests.unit.anomaly_similarity.search.fleet import fleet


def test_scores_are_the_products_before_and_after_the_turn():
    cases = list(fleet(rounds=200).cases)
    space = Space.fit("characters", cases, Vocabulary())
    method = tfidf.load(space)
    expected = (space.rows(cases[:5]) @ space.rows(cases).T).toarray()

    method.add(cases[: TAIL // 2])
    before = method.score(cases[:5])
    method.add(cases[TAIL // 2 :])
    method.add(cases[:3])

    np.testing.assert_allclose(before, expected[:, : TAIL // 2], atol=1e-5)
    np.testing.assert_allclose(method.score(cases[:5])[:, : len(cases)], expected, atol=1e-5)
