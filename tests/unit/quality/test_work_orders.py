"""The work orders are read as cases, and nothing that the data set's authors added is searched."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.anomaly_similarity.search.cases import UNKNOWN
from services.anomaly_similarity.search.held_out import Certainty
from services.anomaly_similarity.search.spaces import fields_of
from tests.quality.work_orders import read

FILE = """,BscStartDate,Asset,OriginalShorttext,PMType,Cost,MajorSystem,Part,Action,FM,FuncLocation,id
0,2005-03-20,A,L/H BUCKET CYL LEAKING.,PM01,407.4,Bucket,Cylinder,,Leak,CYLINDER BOOM,7
1,2004-07-01,B,BUCKET WON'T OPEN,PM01,183.05,Bucket,,,,BUCKET,8
"""


def test_orders_are_cases_in_the_order_of_their_dates(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(FILE)

    corpus = read(file)

    assert [case.description for case in corpus.cases] == [
        "BUCKET WON'T OPEN",
        "L/H BUCKET CYL LEAKING.",
    ]
    assert corpus.labels()[0] == UNKNOWN != corpus.labels()[1]
    searched = {name for name, _ in fields_of(corpus.cases[1])} - corpus.unsearched
    assert searched == {"product", "location", "PMType"}


def test_the_picture_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from tests.quality.work_orders_plot import draw  # noqa: PLC0415

    certainty = Certainty(
        queries=10,
        error_of_pairs=0.1,
        error_of_first=0.1,
        abstained=0.1,
        abstained_rightly=0.5,
        risks=[(1.0, 0.2), (0.5, 0.1)],
        reliability=[(0.2, 0.3, 4), (0.8, 0.7, 6)],
    )
    methods = {"random": (0.1, 0.05, 0.15), "chosen": (0.8, 0.7, 0.9)}
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"

    draw(methods, certainty, [one])
    draw(methods, certainty, [other])

    assert one.read_text() == other.read_text()
    for told in ("chosen", "0.80", "as served", "never abstaining"):
        assert told in one.read_text()
