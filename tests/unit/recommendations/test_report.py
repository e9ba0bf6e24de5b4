from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.model_store import Data
from services.recommendations.criteria import NDCG
from services.recommendations.evaluation import Measures
from services.recommendations.report import JSON, PAGE, render
from services.recommendations.searching import Trial
from services.recommendations.training_report import Row, TrainingReport

NAN = float("nan")


def row(model: str, ndcg: float, *, chosen_by: float | None = None) -> Row:
    measures = Measures(
        users=40,
        ndcg=ndcg,
        recall=0.2,
        map=0.1,
        coverage=ndcg / 2,
        cold_users=0,
        cold_users_ndcg=NAN,
        cold_items=7,
        cold_items_ndcg=0.01,
    )
    trials = [Trial(model, {"size": 8}, {"half_life": None}, chosen_by, seconds=1.0)]
    return Row(model, measures, 1.5, {"size": 8}, chosen_by, trials)


REPORT = TrainingReport(
    rows=[row("popularity", 0.1, chosen_by=0.11), row("ease", 0.2, chosen_by=0.21)],
    champion=None,
    champion_advantage=None,
    chosen="ease",
    version="",
    promoted=False,
    reason="",
    advantage=(0.1, 0.05, 0.15),
    criterion=NDCG,
    protocol="one cut in time",
    choosers=10,
    judges=40,
    data=Data(
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2026, 2, 1, tzinfo=UTC),
        rows=1234,
        users=50,
        items=60,
        sha256="ab" * 32,
    ),
    notes=["Left out: <als>."],
)


@pytest.fixture
def without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "services.recommendations.plots", raising=False)
    monkeypatch.delattr("services.recommendations.plots", raising=False)


def page(report: TrainingReport) -> str:
    return render(report)[PAGE].decode()


def test_the_json_has_the_choice_the_measures_and_the_grid() -> None:
    found = json.loads(render(REPORT)[JSON])
    popular, ease = found["models"]
    assert found["chosen"] == "ease"
    assert found["advantage_over_popularity"] == [0.1, 0.05, 0.15]
    assert found["data"]["rows"] == 1234
    assert ease["measures"]["ndcg"] == 0.2
    assert ease["measures"]["cold_users_ndcg"] is None
    assert ease["grid"] == [
        {"model": "ease", "parameters": {"size": 8}, "serving": {"half_life": None}, "score": 0.21}
    ]
    assert popular["chosen_by"] == 0.11


def test_equal_trainings_give_equal_bytes_however_long_they_took_and_whatever_served() -> None:
    slower = [
        replace(each, seconds=9.0, trials=[replace(t, seconds=8.0) for t in each.trials])
        for each in REPORT.rows
    ]
    gate = {"promoted": True, "reason": "Better.", "champion": REPORT.rows[0].measures}
    other = replace(REPORT, rows=slower, version="abc", champion_advantage=(0.0, 0.0, 0.0), **gate)
    assert render(other) == render(REPORT)


def test_a_difference_behind_the_sixth_digit_is_rounding_and_changes_nothing() -> None:
    first, second = REPORT.rows
    other = replace(first, measures=replace(first.measures, ndcg=0.1 + 1e-12))
    assert render(replace(REPORT, rows=[other, second])) == render(REPORT)


def test_the_page_says_what_was_chosen_and_why() -> None:
    text = page(REPORT)
    assert "Chosen: ease" in text
    assert "ranked best of 2 kinds of model for the 10 people who chose (0.2100)" in text
    assert "+0.1000 against popularity (95 % interval +0.0500 to +0.1500): better than" in text
    assert "1,234 reactions of 50 people to 60 items from 01 January 2026" in text
    assert "one cut in time" in text
    assert "among items that nobody had liked (7 likes)" in text


def test_an_advantage_that_chance_could_give_is_called_so() -> None:
    assert "not surely better" in page(replace(REPORT, advantage=(0.1, -0.01, 0.2)))


def test_a_choice_by_the_gate_is_not_called_the_best_of_all() -> None:
    text = page(replace(REPORT, rows=[row("popularity", 0.3, chosen_by=0.3), REPORT.rows[1]]))
    assert "best of those of 2 kinds of model that pass the gate" in text


def test_where_nobody_chose_the_judges_did() -> None:
    report = replace(REPORT, rows=[row("popularity", 0.1)], chosen="popularity", choosers=0)
    text = page(report)
    assert "the only model that could be trained" in text
    assert "the same for everybody" in text
    assert "What the search found" not in text


def test_there_are_pictures_and_each_names_its_models() -> None:
    assert page(REPORT).count("<svg") == 3


def test_without_matplotlib_there_are_tables_only(without_matplotlib: None) -> None:
    text = page(REPORT)
    assert "<svg" not in text
    assert text.count("<table") == 3


def test_what_comes_from_outside_is_text_and_not_markup() -> None:
    assert "Left out: &lt;als&gt;." in page(REPORT)


def test_the_page_needs_nothing_from_anywhere() -> None:
    text = page(REPORT)
    assert "<script" not in text
    assert 'src="' not in text
    assert "url(http" not in text
