from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.recommendations.imports import (
    LONGEST_LINE,
    Batch,
    ImportRefused,
    NewInteraction,
    NewItem,
    Reject,
    RejectsFile,
    open_folder,
)

MOVIES = "movieId,title,genres\n1,Heat (1995),Action|Crime\n2,Clueless (1995),Comedy\n"
RATINGS = "userId,movieId,rating,timestamp\n7,1,4.0,978300760\n7,2,2.5,978300761\n"
Files = Mapping[str, str | bytes]
Row = TypeVar("Row")


def folder_of(path: Path, files: Files) -> Path:
    for name, content in files.items():
        (path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(folder: Path) -> tuple[list[NewItem], list[NewInteraction], list[Reject]]:
    source = open_folder(folder)
    items, told = list(source.items()), list(source.interactions())
    rejects = [reject for batch in [*items, *told] for reject in batch.rejects]
    return _rows(items), _rows(told), rejects


def _rows(batches: Iterable[Batch[Row]]) -> list[Row]:
    return [row for batch in batches for row in batch.rows]


@pytest.mark.parametrize(
    "files",
    [
        {"movies.csv": MOVIES, "ratings.csv": RATINGS},
        {"movies.csv": "\ufeff" + MOVIES.replace("\n", "\r\n"), "ratings.csv": RATINGS.rstrip()},
        {
            "movies.dat": "1::Heat (1995)::Action|Crime\n2::Clueless (1995)::Comedy\n",
            "ratings.dat": "7::1::4::978300760\n7::2::2.5::978300761\n",
        },
        {
            "u.item": "1|Heat (1995)||||0|1|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0\n"
            "2|Clueless (1995)||||0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n",
            "u.data": "7\t1\t4\t978300760\n7\t2\t2.5\t978300761\n",
        },
    ],
    ids=["ml-latest-small", "with CRLF and a byte order mark", "ml-1m", "ml-100k"],
)
def test_every_layout_is_recognised_and_says_the_same(tmp_path: Path, files: Files) -> None:
    items, told, rejects = read(folder_of(tmp_path, files))
    assert items == [
        NewItem("1", "Heat (1995)", ("Action", "Crime"), {"year": "1995"}),
        NewItem("2", "Clueless (1995)", ("Comedy",), {"year": "1995"}),
    ]
    facts = [each.interaction for each in told]
    assert [(fact.user_id, fact.item_id, fact.kind, fact.value) for fact in facts] == [
        ("7", "1", "rating", 4.0),
        ("7", "2", "rating", 2.5),
    ]
    assert facts[0].occurred_at.isoformat() == "2000-12-31T22:12:40+00:00"
    assert rejects == []


def test_the_same_row_always_has_the_same_event_id_and_another_row_another(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"movies.csv": MOVIES, "ratings.csv": RATINGS})
    once, again = ([each.event_id for each in read(folder)[1]] for _ in range(2))
    assert once == again
    assert len(set(once)) == 2


def test_damaged_rows_are_named_and_the_others_taken(tmp_path: Path) -> None:
    tomorrow = int(time.time()) + 200_000
    damaged = f"7,2,9,978300761\n7,2\n7,1,3,{tomorrow}\n\n8,1,5,978300762\n"
    files = {
        "movies.csv": MOVIES.encode() + b"3,Am\xe9lie,Drama\n",
        "ratings.csv": RATINGS + damaged,
    }
    items, told, rejects = read(folder_of(tmp_path, files))
    assert (len(items), len(told)) == (2, 3)
    assert [(r.file, r.line) for r in rejects] == [
        ("movies.csv", 4),
        ("ratings.csv", 4),
        ("ratings.csv", 5),
        ("ratings.csv", 6),
    ]
    assert "UTF-8" in rejects[0].reason
    assert "future" in rejects[3].reason
    assert rejects[1].text == "7,2,9,978300761"


def test_a_broken_quote_swallows_one_row_and_not_the_rest_of_the_file(tmp_path: Path) -> None:
    movies = 'movieId,title,genres\n1,"Heat (1995),Action\n2,Clueless (1995),Comedy\n'
    items, _, rejects = read(folder_of(tmp_path, {"movies.csv": movies, "ratings.csv": RATINGS}))
    assert [item.item_id for item in items] == ["2"]
    assert len(rejects) == 1


def test_a_line_without_an_end_costs_no_memory_and_one_row(tmp_path: Path) -> None:
    endless = b"1" * (3 * LONGEST_LINE) + b"\n7,1,4.0,978300769\n"
    files = {"movies.csv": MOVIES, "ratings.csv": RATINGS.encode() + endless}
    _, told, rejects = read(folder_of(tmp_path, files))
    assert len(told) == 3
    assert [reject.line for reject in rejects] == [4]
    assert len(rejects[0].text) <= 500


def test_batches_are_of_bounded_size_and_account_for_every_byte(tmp_path: Path) -> None:
    rows = "".join(f"{user},1,4.0,978300760\n" for user in range(2_500))
    source = open_folder(folder_of(tmp_path, {"movies.csv": MOVIES, "ratings.csv": rows}))
    batches = [*source.items(), *source.interactions()]
    assert max(len(batch.rows) for batch in batches) == 1_000
    assert sum(batch.bytes for batch in batches) == source.bytes


def test_an_unknown_folder_is_refused_with_what_was_looked_for_and_found(tmp_path: Path) -> None:
    folder_of(tmp_path, {"movies.csv": MOVIES, "notes.txt": ""})
    with pytest.raises(ImportRefused) as refused:
        open_folder(tmp_path)
    for words in ("movies.csv and ratings.csv", "ratings.dat", "u.item", "ml-1m", "notes.txt"):
        assert words in str(refused.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="cannot be read"):
        open_folder(tmp_path / "missing")


def test_the_rejects_file_is_csv_and_exists_only_when_needed(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    with RejectsFile(path):
        pass
    assert list(tmp_path.iterdir()) == []
    with RejectsFile(path) as file:
        file.write([Reject("ratings.csv", 4, "the rating, again", 'a "text"')])
    with path.open(newline="") as written:
        rows = list(csv.reader(written))
    assert rows == [
        ["file", "line", "reason", "text"],
        ["ratings.csv", "4", "the rating, again", 'a "text"'],
    ]
    assert file.count == 1


fragments = st.sampled_from(
    [
        b"1",
        b"2",
        b",",
        b"::",
        b"|",
        b"\t",
        b'"',
        b"\n",
        b"\r",
        b"\x00",
        b"\xe9",
        b"4.5",
        b"978300760",
    ]
)
noise = st.one_of(st.binary(max_size=200), st.lists(fragments, max_size=60).map(b"".join))


@pytest.mark.parametrize(
    "names", [("movies.csv", "ratings.csv"), ("movies.dat", "ratings.dat"), ("u.item", "u.data")]
)
@given(items=noise, ratings=noise)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_bytes_every_line_is_taken_or_named(
    names: tuple[str, str], items: bytes, ratings: bytes
) -> None:
    files = dict(zip(names, (items, ratings), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        films, told, rejects = read(folder_of(Path(folder), files))
    lines = [line for content in files.values() for line in content.split(b"\n") if line]
    with_digits = [line for line in lines if any(digit in line for digit in b"0123456789")]
    assert len(with_digits) <= len(films) + len(told) + len(rejects) <= len(lines)
    assert all(reject.reason for reject in rejects)


def test_the_real_set_is_read_without_a_reject(data_folder: Callable[[str], Path]) -> None:
    items, told, rejects = read(data_folder("ml-latest-small"))
    assert (len(items), len(told), rejects) == (9_125, 100_004, [])
    assert sum("year" in item.labels for item in items) > 9_000
    assert len({each.event_id for each in told}) == len(told)
