"""A query sees only earlier cases, and is judged by those of which something is known."""

import numpy as np
import pytest

from services.anomaly_similarity.search.cases import UNKNOWN, Corpus, Verdict
from services.anomaly_similarity.search.evaluation import interval, judge, judgeable, make_task
from tests.unit.anomaly_similarity.search.fleet import case

PARTS = ["pump", "pump", "", "valve", "pump"]
CORPUS = Corpus.of(
    [
        case(i, "same text" if i in (0, 4) else f"text {i}", attributes={"part": p})
        for i, p in enumerate(PARTS)
    ],
    key=("part",),
)
ALL = np.arange(5)


def test_only_earlier_cases_are_candidates():
    task = make_task(CORPUS, ALL)

    assert task.queries.tolist() == [1, 4]  # the others have nothing to find
    assert task.relevant[0].tolist() == [1] + [UNKNOWN] * 4
    assert task.relevant[1].tolist() == [1, 1, UNKNOWN, 0, UNKNOWN]


def test_of_the_same_moment_neither_is_earlier():
    twins = [case(1, "a", attributes={"part": "x"}), case(1, "b", attributes={"part": "x"})]

    assert len(make_task(Corpus.of(twins, key=("part",)), np.arange(2)).queries) == 0


def test_queries_without_a_relevant_case_can_be_kept():
    assert make_task(CORPUS, ALL, answerable=False).queries.tolist() == [1, 3, 4]


def test_candidates_can_end_before_the_first_query():
    assert make_task(CORPUS, ALL, cut=1).relevant[1].tolist() == [1] + [UNKNOWN] * 4


def test_what_is_not_judged_can_count_as_wrong():
    assert make_task(CORPUS, ALL, unjudged=0).relevant[1].tolist() == [1, 1, 0, 0, UNKNOWN]


def test_a_verdict_goes_before_the_key():
    verdicts = [
        Verdict("A0004", "A0001", False),
        Verdict("A0002", "A0000", True),
        Verdict("A0002", "gone", True),
    ]
    corpus = Corpus(CORPUS.cases, CORPUS.key, verdicts)

    task = make_task(corpus, judgeable(corpus))

    assert task.queries.tolist() == [1, 2, 4]
    assert task.relevant[1].tolist() == [1] + [UNKNOWN] * 4
    assert task.relevant[2].tolist() == [1, 0, UNKNOWN, 0, UNKNOWN]


def test_measures_are_those_of_the_rank_of_the_first_relevant_case():
    task = make_task(CORPUS, ALL)
    scores = np.array([[1, 9, 9, 9, 9], [0.2, 0.1, 9, 0.9, 9]], np.float32)

    found = judge(scores, task)

    assert found.first.tolist() == [1, 0]
    assert found.hit.tolist() == [1, 1]
    assert found.reciprocal.tolist() == [1, 0.5]
    assert found.seen.tolist() == [False, True]


def test_the_interval_holds_the_mean():
    mean, low, high = interval(np.array([0.0, 1.0] * 50))

    assert low < mean == 0.5 < high
    assert all(np.isnan(interval(np.zeros(0))))


def test_of_equal_scores_the_later_case_goes_first():
    task = make_task(CORPUS, ALL)

    assert judge(np.zeros((2, 5), np.float32), task).first.tolist() == [1, 0]
    assert judge(np.zeros((2, 5), np.float32), task).reciprocal.tolist() == pytest.approx(
        [1, 1 / 2]
    )
