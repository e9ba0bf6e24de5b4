"""`akin evaluate`, as its users type it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import main as command
from services.cli.console import FAILED
from services.cli.main import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Even people like even films, odd people odd ones; 130 films, so that ncf finds 99 unknown ones."""
    folder = tmp_path / "small"
    folder.mkdir()
    films = [f"{n},Film {n} (1999),{'Drama' if n % 2 else 'Comedy'}" for n in range(130)]
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "\n".join(films) + "\n")
    ratings = [
        f"{user},{user % 2 + 2 * ((user + place) % 20)},5.0,{1000 * place + user + 1}"
        for user in range(40)
        for place in range(8)
    ]
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "\n".join(ratings))
    return folder


def evaluate(*words: str) -> dict:
    words = ["evaluate", "recommendations", *words, "--json"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refusal(monkeypatch: pytest.MonkeyPatch, capsys, *words: str) -> str:
    monkeypatch.setattr("sys.argv", ["akin", "evaluate", "recommendations", *words])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == FAILED
    return capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["time", "leave-last-out", "ncf"])
def test_a_file_of_ratings_trains_and_judges_every_model(home: Path, folder: Path, protocol: str):
    found = evaluate(
        "--ratings",
        str(folder / "ratings.csv" if protocol == "time" else folder),
        "--protocol",
        protocol,
    )

    by_name = {row["model"]: row["measures"] for row in found["rows"]}
    assert {"popularity", "ease"} <= set(by_name)
    assert by_name["ease"]["ndcg"] > by_name["popularity"]["ndcg"]
    assert found["users"] == 40
    assert (found["protocol"], found["relevant"], found["k"]) == (protocol, "liked", 10)
    assert found["chosen"] in by_name


def test_a_stored_model_is_judged_and_said_to_have_seen_it(home: Path, folder: Path):
    runner = CliRunner()
    assert runner.invoke(app, ["import", "movielens", str(folder)]).exit_code == 0
    assert runner.invoke(app, ["train", "recommendations", "--json"]).exit_code == 0
    (version,) = json.loads(runner.invoke(app, ["models", "list", "--json"]).stdout)

    champion, named = evaluate("--k", "5"), evaluate("--k", "5", "--model", version["version"])

    assert [row["model"] for row in champion["rows"]] == ["popularity", version["version"]]
    assert champion["rows"][1]["measures"] == named["rows"][1]["measures"]
    assert "Not a fair figure" in champion["notes"][0]
    shown = runner.invoke(app, ["evaluate", "recommendations", "--protocol", "leave-last-out"])
    assert "recall@10 (hit rate)" in shown.output
    assert "Not a fair figure" in shown.output


def test_what_cannot_be_judged_is_a_sentence(
    home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    nonsense = folder / "nonsense.csv"
    nonsense.write_text("a,b,c\n1,2,3\n")

    assert "No model serves yet" in refusal(monkeypatch, capsys)
    assert "0" * 16 in refusal(monkeypatch, capsys, "--model", "0" * 16)
    assert "no column" in refusal(monkeypatch, capsys, "--ratings", str(nonsense))


def test_a_model_and_a_file_exclude_each_other(home: Path, folder: Path):
    words = ["evaluate", "recommendations", "--ratings", str(folder), "--model", "0" * 16]
    result = CliRunner().invoke(app, words)

    assert result.exit_code == 2
    assert "exclude each other" in result.output
