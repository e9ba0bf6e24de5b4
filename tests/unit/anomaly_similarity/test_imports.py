from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.anomaly_similarity.imports import (
    BATCH,
    LONGEST_ROW,
    ImportRefused,
    Reject,
    Source,
    as_csv,
)
from services.anomaly_similarity.mapping import parse
from services.anomaly_similarity.schemas import AnomalyIn

TEXT = ("description=text",)
WITH_ID = ("anomaly_id=id", "description=text")
Read = tuple[list[tuple[str, AnomalyIn]], list[Reject]]


def read(content: str | bytes, words: Sequence[str] = TEXT) -> Read:
    raw = content if isinstance(content, bytes) else content.encode()
    batches = list(Source(io.BytesIO(raw), parse(words)).batches())
    rows = [row for batch in batches for row in batch.rows]
    return rows, [reject for batch in batches for reject in batch.rejects]


def texts(content: str | bytes, words: Sequence[str] = TEXT) -> list[str]:
    rows, rejects = read(content, words)
    assert rejects == []
    return [anomaly.description for _, anomaly in rows]


def reasons(content: str | bytes, words: Sequence[str] = TEXT) -> list[tuple[int, str]]:
    return [(reject.line, reject.reason) for reject in read(content, words)[1]]


def test_columns_become_fields() -> None:
    content = (
        "id,when,text,system,part,fix,result,FM,cost\n"
        "7,2004-07-01,Bucket won't open,Bucket,cylinder; hose ,Replaced,SOLVED,Leak,183.05\n"
        "8,2004-07-01T08:00:00+02:00,Pump hot,,,,,,\n"
    )
    words = [
        *WITH_ID,
        "timestamp=when",
        "component_ids=system",
        "component_ids=part",
        "solution=fix",
        "outcome=result",
        "attributes.failure mode=FM",
        "attributes=cost",
    ]
    rows, rejects = read(content, words)
    assert rejects == []
    (first_id, first), (second_id, second) = rows
    assert (first_id, second_id) == ("7", "8")
    assert first.timestamp == datetime(2004, 7, 1, tzinfo=UTC)
    assert second.timestamp == datetime(2004, 7, 1, 6, tzinfo=UTC)
    assert first.component_ids == ["Bucket", "cylinder", "hose"]
    assert (first.solution, first.outcome) == ("Replaced", "solved")
    assert first.attributes == {"failure mode": "Leak", "cost": "183.05"}
    assert (second.solution, second.outcome, second.attributes) == (None, "open", {})


@pytest.mark.parametrize(
    "content",
    [
        "id,text\n1,Leaks\n2,Hot\n",
        "\ufeffid,text\r\n1,Leaks\r\n\r\n2,Hot",
        "id;text\n1;Leaks\n2;Hot\n",
        "id\ttext\n1\tLeaks\n,\n2\tHot\n".replace(",\n", "\t\n"),
        'id,text\n1,"Leaks"\n2,"Hot"\n',
    ],
)
def test_every_usual_form_of_csv_says_the_same(content: str) -> None:
    assert texts(content, WITH_ID) == ["Leaks", "Hot"]


def test_a_cell_may_hold_line_breaks_and_a_row_is_named_by_its_first_line() -> None:
    content = 'text\n"two\nlines"\n\x07\n"three\n\n\x07lines"\n'
    rows, rejects = read(content)
    assert [anomaly.description for _, anomaly in rows] == ["two\nlines"]
    assert [reject.line for reject in rejects] == [4, 5]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("1,,2004-07-01", "description"),
        ("1,\x07,2004-07-01", "description"),
        ("1," + "x" * 10_001 + ",2004-07-01", "description"),
        ("1,Leaks,2004-02-30", "timestamp: '2004-02-30' does not exist"),
        ("1,Leaks,2004-07-01T25:00:00Z", "does not exist"),
        ("1,Leaks,01/07/2004", "is no time such as"),
        ("1,Leaks,20040701", "is no time such as"),
        ("1,Leaks,1904-07-01", "between 1970 and 9999"),
        ("x" * 201 + ",Leaks,2004-07-01", "anomaly_id"),
        ("1,Leaks", "has 2 cells, the header 3"),
        ("1,Leaks,2004-07-01,more", "has 4 cells, the header 3"),
        ("0,Leaks,2004-07-01", "the id stands in an earlier row"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_the_reason_and_the_others_are_taken(
    row: str, said: str
) -> None:
    content = f"id,text,when\n0,Hot,2004-07-01\n{row}\n2,Cold,2004-07-01\n"
    rows, (reject,) = read(content, [*WITH_ID, "timestamp=when"])
    assert [anomaly_id for anomaly_id, _ in rows] == ["0", "2"]
    assert reject.line == 3
    assert said in reject.reason
    assert reject.text in row


def test_what_is_not_utf_8_is_refused_and_shown_as_far_as_it_can_be() -> None:
    rows, (reject,) = read("text\nVérin cassé\n".encode("latin-1") + b"Leaks\n")
    assert [anomaly.description for _, anomaly in rows] == ["Leaks"]
    assert (reject.line, reject.reason, reject.text) == (2, "is not UTF-8", "V\ufffdrin cass\ufffd")


def test_a_line_or_a_row_without_end_is_refused_and_what_follows_is_taken() -> None:
    long_line = "x" * (3 * LONGEST_ROW)
    assert reasons(f"text\n{long_line}\nLeaks\n") == [(2, "the line has more than 131,072 bytes")]
    open_quote = '"' + "x\n" * LONGEST_ROW
    rows, rejects = read(f"text\nLeaks\n{open_quote}")
    assert (rows[0][1].description, rejects[0].line) == ("Leaks", 3)
    assert "more than" in rejects[0].reason or "field" in rejects[0].reason
    many_cells = '"a\n",' * LONGEST_ROW
    assert "the row has more than" in reasons(f"text\n{many_cells}\n")[0][1]


def test_memory_does_not_grow_with_the_file() -> None:
    class Endless(io.RawIOBase):
        """A file of `rows` rows that is made while it is read."""

        def __init__(self, rows: int) -> None:
            self.left, self.at = rows, 0

        def readline(self, _: int | None = -1) -> bytes:
            self.left -= 1
            self.at += 100
            return b"%090d Leaks\n" % self.left if self.left >= 0 else b""

        def tell(self) -> int:
            return self.at

    def peak(rows: int) -> int:
        source = Source(io.BytesIO(b"text\n"), parse(TEXT))
        source._file = Endless(rows)  # type: ignore[assignment]
        tracemalloc.start()
        assert sum(len(batch.rows) for batch in source.batches()) == rows
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(8 * BATCH) - peak(2 * BATCH) < 6 * BATCH * 200  # bytes: ids, not rows of 100


def test_the_same_row_has_the_same_id_and_stands_once() -> None:
    content = "text,other\nLeaks,1\nLeaks,2\nLeaks,1\n"
    (first, second), rejects = read(content)
    assert first[0] != second[0]
    assert [(reject.line, reject.reason) for reject in rejects] == [
        (4, "the same row stands in an earlier row")
    ]
    assert [row[0] for row in read(content)[0]] == [first[0], second[0]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "Unknown columns: text. The file has none"),
        ("id,Text\n", "Unknown columns: text. The file has id, Text"),
        ("\n\nx", "Unknown columns"),
        ("x" * LONGEST_ROW, "The header cannot be read"),
    ],
)
def test_a_file_without_the_columns_is_refused_with_those_it_has(content: str, said: str) -> None:
    with pytest.raises(ImportRefused, match=said):
        read(content)


cells = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=20))
def test_every_row_is_taken_or_refused_once(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["text", "other"], *rows])
    taken, rejects = read(out.getvalue())
    empty = sum(not any(cell.strip() for cell in row) for row in rows)
    assert len(taken) + len(rejects) + empty == len(rows)
    for _, anomaly in taken:
        assert anomaly.description.strip()


@given(st.binary(max_size=300))
def test_no_bytes_stop_the_reading(content: bytes) -> None:
    rows, rejects = read(b"text\n" + content)
    for reject in rejects:
        as_csv([reject]).encode()
    assert len({anomaly_id for anomaly_id, _ in rows}) == len(rows)


def test_a_fixed_value_is_that_of_every_row() -> None:
    words = [*TEXT, "outcome:=solved", "component_ids:=a;b", "attributes.site:=north"]
    rows, rejects = read("text\nPump hot\nPump cold\n", words)
    assert rejects == []
    for _, anomaly in rows:
        assert (anomaly.outcome, anomaly.component_ids) == ("solved", ["a", "b"])
        assert anomaly.attributes == {"site": "north"}
