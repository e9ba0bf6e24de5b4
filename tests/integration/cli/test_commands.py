"""The command line, as its users type it, on a folder of its own."""

import json
from pathlib import Path

import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from services.cli import main as command
from services.cli.console import FAILED
from services.cli.main import app

MOVIES = "movieId,title,genres\n1,Heat (1995),Action|Crime\n2,Clueless (1995),Comedy\nx,Broken\n"
RATINGS = """userId,movieId,rating,timestamp
1,1,5.0,1000000000
1,2,1.0,1000000100
2,1,nine,1000000200
2,2,4.5,1000000300
3,7,4.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "movies.csv").write_text(MOVIES)
    (folder / "ratings.csv").write_text(RATINGS)
    return folder


def run(*words: str) -> object:
    result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_damaged_folder_is_taken_as_far_as_it_can_be_read(home: Path, folder: Path):
    summary = run("import", "movielens", str(folder))

    assert (summary["items"], summary["interactions"], summary["rejected"]) == (2, 3, 3)
    rejects = Path(summary["rejects_file"]).read_text().splitlines()
    assert rejects[0] == "file,line,reason,text"
    assert [line.split(",")[:2] for line in rejects[1:]] == [
        ["movies.csv", "4"],
        ["ratings.csv", "4"],
        ["ratings.csv", "6"],
    ]


def test_importing_a_folder_again_counts_nothing_twice(home: Path, folder: Path):
    first, second = (run("import", "movielens", str(folder)) for _ in range(2))

    assert (first["new_items"], first["new_interactions"]) == (2, 3)
    assert (second["new_items"], second["new_interactions"]) == (0, 0)


def test_a_new_home_is_made_by_the_first_command(
    home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    new = home / "not" / "there"
    monkeypatch.setenv("AKIN_HOME", str(new))

    assert run("import", "movielens", str(folder))["new_items"] == 2
    assert (new / "akin.db").exists()


def test_a_server_that_was_not_migrated_is_told_so(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("AKIN_DATABASE_URL", f"sqlite+aiosqlite:///{home / 'other.db'}")
    monkeypatch.setattr("sys.argv", ["akin", "clients", "list"])

    with pytest.raises(SystemExit) as ended:
        command.main()

    assert ended.value.code == FAILED
    assert "run `akin migrate`" in capsys.readouterr().err


def test_a_folder_that_is_none_is_refused_with_what_was_looked_for(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr("sys.argv", ["akin", "import", "movielens", str(tmp_path / "empty")])

    with pytest.raises(SystemExit) as ended:
        command.main()

    assert ended.value.code == FAILED
    assert "movies.csv and ratings.csv" in capsys.readouterr().err


def test_training_on_too_little_says_so_and_leaves_no_model(
    home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run("import", "movielens", str(folder))
    monkeypatch.setattr("sys.argv", ["akin", "train", "recommendations"])

    with pytest.raises(SystemExit) as ended:
        command.main()

    assert ended.value.code == FAILED
    assert "Refused:" in capsys.readouterr().err
    assert run("models", "list") == []


def test_a_client_is_made_with_a_password_and_listed_without(home: Path):
    made = run("clients", "create", "robot", "--scope", "events:write")
    listed = run("clients", "list")

    assert made["scopes"] == ["events:write"]
    assert len(made["password"]) >= 16
    assert [(each["username"], each["scopes"]) for each in listed] == [("robot", "events:write")]
    assert made["password"] not in json.dumps(listed)


def test_an_unknown_scope_is_wrong_usage_and_the_known_ones_are_named(home: Path):
    result = CliRunner().invoke(app, ["clients", "create", "robot", "--scope", "events:read"])

    assert result.exit_code == 2
    assert "events:write" in result.output


def test_a_workspace_is_made_listed_and_deleted_with_its_clients(home: Path):
    runner = CliRunner()
    assert runner.invoke(app, ["workspaces", "create", "plant-7"]).exit_code == 0
    run("clients", "create", "robot", "--workspace", "plant-7")

    assert [(w["workspace"], w["clients"]) for w in run("workspaces", "list")] == [
        ("default", 0),
        ("plant-7", 1),
    ]
    deleted = runner.invoke(app, ["workspaces", "delete", "plant-7", "--yes"])
    assert deleted.exit_code == 0, deleted.output
    assert [w["workspace"] for w in run("workspaces", "list")] == ["default"]


def test_there_are_no_dead_letters_and_discarding_asks_which(home: Path):
    assert run("dead-letters", "list") == []
    assert CliRunner().invoke(app, ["dead-letters", "replay"]).exit_code == 2


def test_the_doctor_finds_a_healthy_installation_and_a_missing_schema(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    healthy = {each["check"]: each["verdict"] for each in run("doctor")}
    monkeypatch.setenv("AKIN_HOME", str(tmp_path / "fresh"))
    (tmp_path / "fresh").mkdir()
    ill = CliRunner().invoke(app, ["doctor", "--json"])

    assert healthy["database"] == healthy["schema"] == healthy["broker"] == "ok"
    assert ill.exit_code == FAILED
    assert {e["check"]: e["verdict"] for e in json.loads(ill.stdout)}["schema"] == "wrong"


@pytest.mark.parametrize(
    "words",
    [[], ["import"], ["models"], ["clients"], ["workspaces"], ["dead-letters"], ["train"]],
)
def test_help_teaches(words: list[str]):
    result = CliRunner().invoke(app, [*words, "--help"])

    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_lists_for_everybody_come_in_a_parquet_file(home: Path, folder: Path, tmp_path: Path):
    run("import", "movielens", str(folder))
    out = tmp_path / "lists.parquet"
    assert run("recommend", "--all-users", "--out", str(out)) == {"rows": 3, "file": str(out)}
    rows = parquet.read_table(out).to_pylist()
    # Of two films each has what is left: reacted to both, to one, to one that the catalogue lacks.
    assert (rows[0]["user_id"], rows[0]["place"]) == ("1", 1)
    assert {row["user_id"] for row in rows} <= {"1", "2"}
    assert not list(tmp_path.glob("*.partial"))

    again = run("recommend", "--user", "2", "--user", "stranger", "--out", str(out))
    assert again["rows"] == len(parquet.read_table(out).to_pylist())


def test_recommend_wants_to_know_to_whom(home: Path, tmp_path: Path):
    for words in ([], ["--all-users", "--user", "1"]):
        result = CliRunner().invoke(app, ["recommend", "--out", str(tmp_path / "x"), *words])
        assert result.exit_code == 2
