"""What is added is found, what is removed is not, and nonsense is like nothing."""

import pytest

from services.anomaly_similarity.search.index import CaseIndex
from services.anomaly_similarity.search.training import train_on
from tests.unit.anomaly_similarity.search.fleet import case, fleet

CORPUS = fleet(rounds=20)
MODEL = train_on(CORPUS).model


@pytest.fixture
def index() -> CaseIndex:
    found = CaseIndex(MODEL)
    found.add(CORPUS.cases)
    return found


def ids(index: CaseIndex, text: str, **options: object) -> list[str]:
    return [match.case.anomaly_id for match in index.search(case(9999, text), 5, **options).matches]  # type: ignore[arg-type]


def test_a_case_does_not_find_itself(index: CaseIndex):
    asked = CORPUS.cases[7]

    assert asked.anomaly_id not in {m.case.anomaly_id for m in index.search(asked, 10).matches}


def test_a_case_is_found_as_soon_as_it_is_added_and_no_more_when_removed(index: CaseIndex):
    text = "leaking leaking leaking walkway walkway"
    index.add([case(8000, text)])
    assert "A8000" in ids(index, text)

    index.remove(["A8000", "unknown"])

    assert "A8000" not in ids(index, text)
    assert len(index) == len(CORPUS.cases)


def test_a_changed_case_is_found_as_it_is_now(index: CaseIndex):
    index.add([case(8000, "leaking radiator"), case(8000, "cracked gearbox")])

    assert len(index) == len(CORPUS.cases) + 1
    found = index.search(case(9999, "cracked gearbox"), len(index)).matches
    assert [m.case.description for m in found if m.case.anomaly_id == "A8000"] == [
        "cracked gearbox"
    ]


def test_only_allowed_cases_are_shown_and_as_many_as_there_are(index: CaseIndex):
    chosen = {f"A{number:04}" for number in (3, 50, 51)}

    assert (
        set(ids(index, "cracked bucket", allowed=lambda each: each.anomaly_id in chosen)) == chosen
    )


def test_nonsense_abstains_and_a_known_fault_does_not(index: CaseIndex):
    assert index.search(case(9999, "xqzzw plofk"), 5).abstained
    assert not index.search(case(9999, "leaking radiator"), 5).abstained


def test_similarities_are_probabilities_that_do_not_rise(index: CaseIndex):
    found = [
        match.similarity for match in index.search(case(9999, "broken bucket left"), 20).matches
    ]

    assert found == sorted(found, reverse=True)
    assert 0 <= found[-1] <= found[0] <= 1


def test_reasons_are_words_of_the_query(index: CaseIndex):
    match = index.search(case(9999, "leaking radiator today"), 1).matches[0]

    assert {reason.term for reason in match.reasons[:2]} == {"leaking", "radiator"}


def test_an_empty_index_and_an_empty_text_abstain(index: CaseIndex):
    assert CaseIndex(MODEL).search(case(1, "leak"), 5).matches == []
    assert CaseIndex(MODEL).search(case(1, "leak"), 5).abstained
    assert index.search(case(9999, ""), 5).abstained
