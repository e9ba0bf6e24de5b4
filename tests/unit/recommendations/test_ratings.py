from __future__ import annotations

from pathlib import Path

import pytest

from services.recommendations.imports import ImportRefused
from services.recommendations.ratings import read_ratings

MOVIELENS = "userId,movieId,rating,timestamp\n1,31,2.5,10\n1,10,5.0,30\n2,31,0.5,20\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ratings.csv"


def test_movielens_ratings_become_preferences_in_order_of_time(file: Path) -> None:
    file.write_text(MOVIELENS)
    found = read_ratings(file)
    told = found.interactions
    assert list(told.user_ids) == ["1", "2"]
    assert [item.item_id for item in found.items] == ["31", "10"]
    assert told.history(0).items.tolist() == [0, 1]
    assert told.history(0).weights.tolist() == [0.0, 1.0]
    assert told.history(1).weights.tolist() == pytest.approx([-0.8])


@pytest.mark.parametrize(
    "text",
    [
        "User ID;Item-Id;Score;TIME\na;x;5;1\n",
        "timestamp\tstars\tproduct_id\tcustomer\n1\t5\tx\ta\n",
        "\ufeffuser,item,timestamp\na,x,1970-01-01T00:00:01Z\n",
        "user,item,extra,timestamp\n a , x ,?,1970-01-01 00:00:01\n\n",
    ],
)
def test_other_names_orders_and_separators_are_understood(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    found = read_ratings(file)
    assert list(found.interactions.user_ids) == ["a"]
    assert found.items[0].item_id == "x"
    assert (found.interactions.weights[0], found.interactions.times[0]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no column for the user and the item and the time"),
        ("user,item,rating\n1,2,3\n", "no column for the time"),
        ("user,item,rating,time\n", "no ratings"),
        ("user,item,rating,time\n1,2,3,4\n1,2,nine,4\n", "line 3"),
        ("user,item,rating,time\n1,2,5.5,4\n", "5.5 is not in 0..5"),
        ("user,item,rating,time\n1,2,nan,4\n", "line 2"),
        ("user,item,rating,time\n1,2,3\n", "line 2: a column is missing"),
        ("user,item,rating,time\n,2,3,4\n", "empty"),
        ("user,item,rating,time\n1,2,3,inf\n", "not finite"),
        ("user,item,rating,time\n1,2,3,yesterday\n", "line 2"),
    ],
)
def test_what_makes_no_sense_is_named(file: Path, text: str, sentence: str) -> None:
    file.write_text(text)
    with pytest.raises(ImportRefused, match=sentence):
        read_ratings(file)


def test_what_cannot_be_read_is_a_sentence(file: Path) -> None:
    with pytest.raises(ImportRefused, match="cannot be read"):
        read_ratings(file)
    file.write_bytes(b"user,item,time\n\xff\xfe,1,1\n")
    with pytest.raises(ImportRefused, match="cannot be read"):
        read_ratings(file)


def test_a_folder_of_movielens_brings_titles_and_genres(file: Path) -> None:
    file.write_text(MOVIELENS)
    (file.parent / "movies.csv").write_text(
        "movieId,title,genres\n10,Heat (1995),Crime|Action\n7,Unseen,Drama\n"
    )
    found = read_ratings(file.parent)
    heat = next(item for item in found.items if item.item_id == "10")
    assert (heat.title, heat.genres) == ("Heat (1995)", ("Crime", "Action"))
    assert [item.number for item in found.items] == [0, 1, 2]
    assert len(found.interactions) == 3


def test_progress_is_told_for_long_files(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.recommendations.ratings.TOLD_EVERY", 10)
    file.write_text("user,item,time\n" + "".join(f"{n},{n},{n}\n" for n in range(30)))
    told: list[float] = []
    read_ratings(file, progress=told.append)
    assert len(told) == 3
    assert all(0 < share <= 1 for share in told)
