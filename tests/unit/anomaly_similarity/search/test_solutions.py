"""Solutions are ranked by how surely they work, and not by how often they were tried alone."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.search.solutions import HALF_LIFE, Trial, rank, wilson
from services.anomaly_similarity.search.vocabulary import Entry, Vocabulary
from tests.unit.anomaly_similarity.search.fleet import START, case

NOW = START + timedelta(days=10)
WORDS = Vocabulary.of([Entry("repl", "replace", "abbreviation")])


def fixed(number: int, solution: str, outcome: str = "solved") -> tuple[Case, float]:
    return case(number, "x", solution=solution, outcome=outcome), 0.9


def test_seven_of_eight_goes_before_one_of_one():
    often = [fixed(i, "Replace the valve") for i in range(7)] + [
        fixed(7, "replace the valve", "not_solved")
    ]

    first, second = rank([*often, fixed(8, "tighten bolts")], [], WORDS)

    assert (first.text, first.tried, first.solved) == ("Replace the valve", 8, 7)
    assert first.cases == [f"A{i:04}" for i in range(8)]
    assert (second.text, second.tried, second.solved) == ("tighten bolts", 1, 1)


def test_actions_that_say_the_same_are_one():
    found = rank(
        [fixed(1, "Repl. valve"), fixed(2, "VALVE: replace"), fixed(3, "clean filter")],
        [],
        WORDS,
    )

    assert [solution.cases for solution in found] == [["A0001", "A0002"], ["A0003"]]


def test_a_verdict_changes_the_order():
    similar = [(fixed(1, "replace valve")[0], 0.95), fixed(2, "clean filter")]
    trials = [Trial("A0001", False, NOW), Trial("A0002", True, NOW)]

    before, after = rank(similar, [], WORDS), rank(similar, trials, WORDS)

    assert [each.text for each in before] == ["replace valve", "clean filter"]
    assert [each.text for each in after] == ["clean filter", "replace valve"]
    assert [(each.tried, each.solved) for each in after] == [(2, 2), (2, 1)]


def test_an_open_case_is_a_source_and_no_trial():
    (found,) = rank([fixed(1, "replace valve", "open")], [], WORDS)

    assert (found.tried, found.score, found.cases) == (0, 0.0, ["A0001"])


def test_what_worked_long_ago_counts_less():
    later = 1 + HALF_LIFE.days
    recent, old = rank([fixed(1, "replace valve"), fixed(later, "clean filter")], [], WORDS)

    assert (recent.text, old.text) == ("clean filter", "replace valve")
    assert old.score < recent.score == pytest.approx(wilson(0.9, 0.9))


def test_a_fault_that_was_last_seen_long_ago_loses_nothing():
    (found,) = rank([fixed(1, "replace valve")], [], WORDS)

    assert found.score == pytest.approx(wilson(0.9, 0.9))


def test_cases_without_an_action_give_none():
    assert rank([fixed(1, "  "), fixed(2, "...")], [], WORDS) == []


@given(st.floats(0, 50), st.floats(0, 50))
def test_the_bound_is_below_the_share_and_rises_with_more_of_the_same(solved: float, failed: float):
    tried = solved + failed

    assert 0 <= wilson(solved, tried) <= 1
    assert wilson(solved, tried) <= (solved / tried if tried else 0) + 1e-9
    assert wilson(2 * solved, 2 * tried) >= wilson(solved, tried) - 1e-9


def test_eight_of_ten_is_at_least_a_half():
    assert wilson(8, 10) == pytest.approx(0.4902, abs=1e-4)
