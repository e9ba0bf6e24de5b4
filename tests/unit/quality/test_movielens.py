from __future__ import annotations

from pathlib import Path

import pytest

from tests.quality import movielens, page


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of MovieLens with a checkerboard of tastes; the page is beside it."""
    folder = tmp_path / "ml-latest-small"
    folder.mkdir()
    films = [f"{n},Film {n} (1999),{'Drama' if n % 2 else 'Comedy'}" for n in range(24)]
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "\n".join(films) + "\n")
    ratings = [
        f"{user},{(user % 2 + 2 * (user + place)) % 24},{5.0 - user % 3 / 2},{1000 * place + user + 1}"
        for user in range(24)
        for place in range(10)
    ]
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "\n".join(ratings))
    monkeypatch.setenv("AKIN_TEST_DATA", str(tmp_path))
    return tmp_path


def test_every_protocol_has_a_table_with_every_model(small: Path) -> None:
    text = movielens.main(["--dry", "--seeds", "2", "--budget", "60"])
    assert text.count("| model | NDCG@10") == len(movielens.PROTOCOLS)
    assert text.count("| popularity |") + text.count("| **popularity** |") == len(
        movielens.PROTOCOLS
    )
    assert "240 ratings of 24 users for 24 films" in text
    assert "python -m tests.quality movielens --dry --seeds 2" in text
    assert "24 of them with a history" in text


def test_what_is_not_random_has_one_seed_and_what_is_has_a_spread() -> None:
    assert movielens._spread([0.5]) == "0.5000"
    assert movielens._spread([0.4, 0.6]) == "0.5000 ± 0.1414"


def test_missing_data_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKIN_TEST_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="AKIN_TEST_DATA"):
        movielens.main(["--dry"])


def test_the_page_of_the_repository_is_the_one_that_is_written() -> None:
    assert page.PAGE.parts[-2:] == ("docs", "quality.md")
