"""Training takes what does best on later cases, says how well, and gives a model that can be stored."""

from datetime import timedelta

import numpy as np
import pytest

from services.anomaly_similarity.search.cases import Corpus, Verdict
from services.anomaly_similarity.search.index import CaseIndex
from services.anomaly_similarity.search.model import VocabularyMismatch, load
from services.anomaly_similarity.search.training import EVIDENCE, NotEnoughCases, Trained, train_on
from services.anomaly_similarity.search.vocabulary import Entry, Vocabulary
from tests.unit.anomaly_similarity.search.fleet import case, fleet

CORPUS = fleet(rounds=20)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train_on(CORPUS)


def test_the_chosen_one_is_far_above_chance_and_not_below_the_others(trained: Trained):
    judged = {name: float(each.first.mean()) for name, each in trained.report.judged.items()}

    assert judged["chosen"] > judged["random"] + 0.5
    assert judged["chosen"] >= judged["bm25"] - 0.05
    assert {"words", "characters", "lsa", "labels", "fields"} <= set(judged)
    assert "shape" not in judged  # no case has one


def test_the_evidence_is_always_scored(trained: Trained):
    assert EVIDENCE in trained.model.weights


def test_a_stored_model_answers_as_the_trained_one(trained: Trained):
    model = trained.model
    again = load(model.arrays(), model.serving(), model.vocabulary)
    query = case(9999, "leaking radiator on the left")

    answers = []
    for each in (model, again):
        index = CaseIndex(each)
        index.add(CORPUS.cases)
        answers.append(index.search(query, 5))

    assert answers[0] == answers[1]
    assert {match.case.attributes["part"] for match in answers[0].matches} == {"radiator"}
    assert {match.case.attributes["failure"] for match in answers[0].matches} == {"leak"}


def test_arrays_are_plain_numbers(trained: Trained):
    assert {array.dtype.kind for array in trained.model.arrays().values()} <= set("biuf")


def test_another_vocabulary_is_refused(trained: Trained):
    model = trained.model
    other = Vocabulary.of([Entry("rad", "radiator", "abbreviation", edited=True)])

    with pytest.raises(VocabularyMismatch):
        load(model.arrays(), model.serving(), other)


def test_a_model_whose_parts_do_not_fit_is_refused(trained: Trained):
    model = trained.model

    with pytest.raises(ValueError, match="calibration"):
        load({**model.arrays(), "calibration": np.zeros(9)}, model.serving(), model.vocabulary)


def test_an_edit_is_in_the_model():
    model = train_on(CORPUS, [Entry("rad", "radiator", "abbreviation", edited=True)]).model

    assert model.vocabulary.read("RAD") == ["radiator"]


@pytest.mark.parametrize("cases", [[], [case(1, "")], [case(1, "... \x00")]])
def test_nothing_to_learn_from_is_said(cases: list):
    with pytest.raises(NotEnoughCases):
        train_on(Corpus.of(cases))


def test_one_case_is_found_by_a_model_that_nobody_could_judge():
    corpus = Corpus.of([case(1, "pump leaking")])

    found = train_on(corpus)

    index = CaseIndex(found.model)
    index.add(corpus.cases)
    assert found.report.notes
    assert not found.model.calibration.measured
    assert not index.search(case(2, "leaking pump"), 5).abstained
    assert index.search(case(2, "weather"), 5).abstained


@pytest.mark.parametrize("there", [range(300), range(200), range(100, 300)])
def test_texts_that_all_say_the_same_or_nothing_choose_what_they_can(there: range):
    parts = [{"part": "ab"[number % 2]} for number in range(300)]
    texts = ["pump leaking" if number in there else "" for number in range(300)]
    cases = [
        case(number, text, product="x", attributes=part)
        for number, (text, part) in enumerate(zip(texts, parts, strict=True))
    ]

    found = train_on(Corpus.of(cases, key=("part",)))

    index = CaseIndex(found.model)
    index.add(cases)
    known, unknown = index.search(case(999, "pump"), 5), index.search(case(999, "weather"), 5)
    assert known.matches[0].similarity > unknown.matches[0].similarity == 0
    assert unknown.abstained


def test_words_that_come_only_later_are_searched_untried():
    cases = [
        case(number, "" if number < 200 else "pump leaking", attributes={"part": "a"})
        for number in range(300)
    ]

    found = train_on(Corpus.of(cases, key=("part",)))

    assert found.report.notes
    assert found.model.vocabulary.read("pump") == ["pump"]


def test_verdicts_alone_are_learned_from():
    said = [Verdict(f"A{n:04}", f"A{n - 12:04}", n % 3 > 0) for n in range(12, 240)]

    found = train_on(Corpus.of(CORPUS.cases, verdicts=said))

    index = CaseIndex(found.model)
    index.add(CORPUS.cases)
    assert found.model.calibration.measured
    assert index.search(case(9999, "xqzzw plofk"), 5).abstained


def test_without_time_the_first_method_alone_is_tried():
    found = train_on(CORPUS, budget=timedelta(seconds=0))

    assert set(found.report.judged) == {"random", "chosen", "words"}
    assert len(found.report.notes) >= 5
