"""What verdicts mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.anomaly_similarity.search.cases import Verdict
from services.anomaly_similarity.search.solutions import Trial
from services.anomaly_similarity.verdict_repository import StoredVerdict
from services.anomaly_similarity.verdicts import left_out, pairs, rank, trials

DAY = datetime(2026, 1, 1, tzinfo=UTC)

# Each user's latest on each pair, the oldest first, as they are stored.
stored = st.lists(
    st.tuples(
        st.sampled_from(["n1", "n2"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["ada", "bob", "cleo"]),
        st.booleans(),
        st.none() | st.booleans(),
    ),
    unique_by=lambda told: told[:3],
).map(
    lambda rows: [
        said(*row[:3], useful=row[3], solved=row[4], hour=hour) for hour, row in enumerate(rows)
    ]
)


def said(
    anomaly: str,
    case: str,
    user: str,
    *,
    useful: bool = True,
    solved: bool | None = None,
    hour: int = 0,
) -> StoredVerdict:
    return StoredVerdict(anomaly, case, user, useful, solved, DAY + timedelta(hours=hour))


def test_a_case_that_was_not_useful_is_left_out_until_somebody_finds_it_useful():
    ada = said("n", "a", "ada", useful=False)
    bob = said("n", "a", "bob", hour=1)
    assert left_out([ada]) == {"a"}
    assert left_out([ada, bob]) == set()
    assert left_out([bob, said("n", "a", "ada", useful=False, hour=2)]) == {"a"}


def test_a_case_is_left_out_for_its_own_verdicts_only():
    assert left_out([said("n", "a", "ada"), said("n", "b", "ada", useful=False)]) == {"b"}


def test_a_verdict_that_tells_whether_it_solved_is_a_trial():
    told = [
        said("n", "a", "ada", solved=True, hour=1),
        said("m", "a", "ada", solved=False, hour=2),
        said("m", "b", "ada"),
    ]
    hours = [DAY + timedelta(hours=hour) for hour in (1, 2)]
    assert trials(told) == [Trial("a", True, hours[0]), Trial("a", False, hours[1])]


def test_two_who_tell_of_the_same_repair_make_one_trial_and_the_last_word_counts():
    told = [said("n", "a", "ada", solved=True), said("n", "a", "bob", solved=False, hour=1)]
    assert trials(told) == [Trial("a", False, DAY + timedelta(hours=1))]


def test_who_does_not_tell_whether_it_solved_takes_no_trial_back():
    told = [said("n", "a", "ada", solved=True), said("n", "a", "bob", useful=False, hour=1)]
    assert trials(told) == [Trial("a", True, DAY)]


@given(stored)
def test_each_pair_is_learned_from_once_as_the_last_word_has_it(told: list[StoredVerdict]):
    found = pairs(told)
    assert len({(each.query_id, each.case_id) for each in found}) == len(found)
    for each in found:
        same = [
            t for t in told if (t.anomaly_id, t.similar_anomaly_id) == (each.query_id, each.case_id)
        ]
        assert each == Verdict(each.query_id, each.case_id, same[-1].useful)


@given(stored)
def test_what_is_left_out_is_what_training_is_told_not_to_find(told: list[StoredVerdict]):
    of_one = [each for each in told if each.anomaly_id == "n1"]
    assert left_out(of_one) == {each.case_id for each in pairs(of_one) if not each.useful}
    assert {each.case_id for each in trials(told)} <= {each.case_id for each in pairs(told)}


@pytest.mark.parametrize(
    ("case", "expected"),
    [("c0", "1"), ("c1", "2-5"), ("c4", "2-5"), ("c5", "beyond"), ("other", "unknown")],
)
def test_the_rank_is_where_the_answer_showed_the_case(case: str, expected: str):
    assert rank(case, [f"c{n}" for n in range(7)]) == expected
