"""The work orders are read as cases, and nothing that the data set's authors added is searched."""

from __future__ import annotations

from pathlib import Path

from services.anomaly_similarity.search.cases import UNKNOWN
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
