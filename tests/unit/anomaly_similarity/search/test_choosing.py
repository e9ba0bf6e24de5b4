"""The best method is chosen, and another joins it only where that gains more than chance."""

import numpy as np

from services.anomaly_similarity.search.choosing import Choice, choose
from services.anomaly_similarity.search.evaluation import Task

RANDOM = np.random.default_rng(0)
QUERIES, CASES = 200, 20
RELEVANT = np.zeros((QUERIES, CASES), np.int8)
RELEVANT[:, 3] = 1
TASK = Task(np.arange(QUERIES), RELEVANT, np.zeros(QUERIES, bool))


def told(strength: float) -> np.ndarray:
    return (RANDOM.normal(size=(QUERIES, CASES)) + strength * RELEVANT).astype(np.float32)


def test_what_knows_nothing_does_not_join():
    scores = {"good": told(9.0), "blind": told(0.0)}

    assert choose(Choice(TASK, scores, scores, 0.0)) == {"good": 1.0}


def test_two_that_know_different_things_are_blended():
    scores = {"one": told(1.5), "other": told(1.5)}

    assert set(choose(Choice(TASK, scores, scores, 0.0))) == {"one", "other"}


def test_a_method_in_other_units_is_weighed_in_its_own():
    scores = {"one": told(2.0), "other": 1000 * told(1.5)}

    weights = choose(Choice(TASK, scores, scores, 0.0))

    assert len(weights) == 2
    assert 100 < weights["one"] / weights["other"] < 20_000


def test_what_fails_on_hidden_kinds_is_not_chosen_where_these_are_most():
    known = {"learned": told(9.0), "text": told(4.0)}
    hidden = {**known, "learned": told(0.0)}

    assert next(iter(choose(Choice(TASK, known, hidden, 0.0)))) == "learned"
    assert next(iter(choose(Choice(TASK, known, hidden, 0.9)))) == "text"
