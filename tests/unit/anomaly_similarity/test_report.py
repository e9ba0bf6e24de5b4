"""The report of a training."""

import json
from dataclasses import replace

import pytest

from services.anomaly_similarity.report import JSON, PAGE, render, told
from services.anomaly_similarity.report_page import name_of
from services.anomaly_similarity.search.cases import Corpus
from services.anomaly_similarity.search.training import Trained, train_on
from services.anomaly_similarity.snapshots import Snapshot
from tests.unit.anomaly_similarity.search.fleet import case, fleet

CORPUS = fleet(rounds=20)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train_on(CORPUS, champion={"words": 1.0})


def test_the_json_has_every_method_with_its_intervals_and_what_was_chosen(trained: Trained):
    found = json.loads(render(told(trained, Snapshot(CORPUS), notes=[]))[JSON])

    methods = {each["method"]: each for each in found["methods"]}
    mean, low, high = methods["chosen"]["p_at_1"]
    assert low <= mean <= high
    assert found["chosen"] == pytest.approx(trained.report.weights, abs=1e-5)
    assert found["relevant_by"] == ["part", "failure"]
    assert found["certainty"]["risks"][0]["coverage"] == 1.0
    assert "champion" not in methods  # which would differ with what serves


def test_equal_trainings_give_equal_bytes_however_long_they_took(trained: Trained):
    slower = replace(trained, report=replace(trained.report, seconds={"words": 99.0}))
    pages = [render(told(each, Snapshot(CORPUS), notes=[])) for each in (trained, slower)]

    assert pages[0] == pages[1]


def test_the_page_has_pictures_and_says_what_was_chosen(trained: Trained):
    page = render(told(trained, Snapshot(CORPUS), notes=["<odd>"]))[PAGE].decode()

    assert f"<h1>Chosen: {name_of(trained.report.weights)}</h1>" in page
    assert page.count("<svg") == 2
    assert "&lt;odd&gt;" in page
    assert "the same part, failure" in page
    assert "<script" not in page


def test_without_anything_to_judge_by_the_page_says_so():
    corpus = Corpus.of([case(1, "pump leaking")])
    page = render(told(train_on(corpus), Snapshot(corpus), notes=[]))[PAGE].decode()

    assert "Nothing could be judged yet" in page
    assert "<svg" not in page


def test_a_blend_is_named_by_its_parts():
    assert name_of({"labels": 1.0, "lsa": 0.2718, "words": 0.0}) == "labels + 0.27 lsa"
