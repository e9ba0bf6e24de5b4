"""`akin import anomalies`: the work orders of excavators, with one command."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import main as command
from services.cli.console import FAILED
from services.cli.main import app

WORK_ORDERS = [
    "anomaly_id=id",
    "description=OriginalShorttext",
    "timestamp=BscStartDate",
    "component_ids=MajorSystem",
    "solution=Action",
    *(f"attributes={column}" for column in ("Asset", "Part", "FM", "Location", "PMType", "Cost")),
]


def run(file: Path, *columns: str) -> dict[str, object]:
    words = [word for column in columns for word in ("--map", column)]
    result = CliRunner().invoke(
        app, ["import", "anomalies", str(file), *words, "--json"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_work_orders_load_with_one_command_and_twice_changes_nothing(
    home: Path,
    data_folder: Callable[[str], Path],
    record_property: Callable[[str, object], None],
):
    file = data_folder("excavator-work-orders") / "work_orders.csv"
    began = time.perf_counter()
    first = run(file, *WORK_ORDERS)
    seconds = time.perf_counter() - began
    second = run(file, *WORK_ORDERS)

    assert first == {
        "accepted": 5485,
        "added": 5485,
        "updated": 0,
        "unchanged": 0,
        "rejected": 0,
        "rejects_file": None,
    }
    assert second == first | {"added": 0, "unchanged": 5485}
    record_property("shown", f"5,485 work orders imported in {seconds:.1f} s (SQLite)")


def test_what_was_refused_lies_in_a_file_with_its_line_and_reason(home: Path, tmp_path: Path):
    file = tmp_path / "orders.csv"
    file.write_text("text,when\nLeaks,2004-07-01\nHot,2004-02-30\n")

    summary = run(file, "description=text", "timestamp=when")

    assert (summary["accepted"], summary["rejected"]) == (1, 1)
    rejects = Path(str(summary["rejects_file"])).read_text().splitlines()
    assert rejects == [
        "file,line,reason,text",
        "orders.csv,3,timestamp: '2004-02-30' does not exist,\"Hot,2004-02-30\"",
    ]


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [("orders.csv", "Text", "Unknown columns: Text."), ("none.csv", "text", "cannot be read")],
)
def test_a_file_that_does_not_fit_is_refused_in_one_sentence(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    column: str,
    said: str,
):
    (tmp_path / "orders.csv").write_text("text\nLeaks\n")
    words = ["akin", "import", "anomalies", str(tmp_path / name), "--map", f"description={column}"]
    monkeypatch.setattr("sys.argv", words)

    with pytest.raises(SystemExit) as ended:
        command.main()

    assert ended.value.code == FAILED
    assert said in capsys.readouterr().err
