"""`akin train similarity` and `akin evaluate similarity`: the work orders of excavators, from file to answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.anomaly_similarity.answers import Answer
from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.searcher import Searcher
from services.cli import main as command
from services.cli.console import FAILED
from services.cli.main import app
from services.web.config import PlatformSettings
from services.web.resources import open_resources

MAP = [
    "anomaly_id=id",
    "description=OriginalShorttext",
    "timestamp=BscStartDate",
    "recommended_product=Asset",
    "solution=Action",
    *(f"attributes={column}" for column in ("Part", "FM", "PMType", "FuncLocation")),
]
MAPPED = [word for column in MAP for word in ("--map", column)]
FLEET = [f"{verb} {part}" for part in ("bucket", "pump", "hose") for verb in ("leaking", "cracked")]


def run(*words: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def ask(*texts: str) -> list[Answer]:
    async def asked() -> list[Answer]:
        async with open_resources(PlatformSettings()) as resources:
            searcher = Searcher(await resources.database(), resources.models())
            now = datetime.now(UTC)
            return [await searcher.for_case("default", Case("", each, now)) for each in texts]

    return asyncio.run(asked())


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    file = tmp_path / "orders.csv"
    rows = [
        f"2026-01-{1 + n // 12:02}T{n % 12:02}:00,{FLEET[n % 6]},{FLEET[n % 6]}" for n in range(240)
    ]
    file.write_text("when,text,kind\n" + "\n".join(rows) + "\n")
    return file


def test_the_work_orders_are_trained_on_and_answer_as_a_person_would(
    home: Path, data_folder: Callable[[str], Path], record_property: Callable[[str, object], None]
):
    file = data_folder("excavator-work-orders") / "work_orders.csv"
    run("import", "anomalies", str(file), *MAPPED)
    found = run("train", "similarity", "--relevant-by", "Part,FM")

    methods = {each["method"]: each for each in found["evaluation"]["methods"]}
    assert found["promoted"]
    assert methods["chosen"]["p_at_1"][0] >= 0.64
    assert methods["chosen"]["hit_at_5"][0] >= 0.81
    bucket, leaks, nonsense = ask("bucket wont open", "L/H lift cyl leaking oil", "qwpoei zxcv")
    assert bucket.cases[0].anomaly.description == "BUCKET WON'T OPEN"
    assert {reason.term for reason in bucket.cases[0].reasons} == {"bucket", "wont", "open"}
    assert {"Replace", "Repair"} <= {solution.text for solution in leaks.solutions}
    assert nonsense.abstained
    assert nonsense.cases == []
    precision = methods["chosen"]["p_at_1"]
    record_property(
        "shown", f"work orders: P@1 {precision[0]:.3f}, chosen {found['evaluation']['chosen']}"
    )


def test_training_again_changes_nothing_and_the_list_of_models_says_what_serves(
    home: Path, orders: Path
):
    run("import", "anomalies", str(orders), *_mapped())
    first, second = [run("train", "similarity", "--relevant-by", "kind") for _ in range(2)]
    assert first["version"] == second["version"]
    assert (first["promoted"], second["promoted"]) == (True, False)

    listed = CliRunner().invoke(app, ["models", "list", "--name", "similarity"])
    head, line = listed.stdout.splitlines()
    assert head.split()[-2:] == ["anomalies", "p@1"]
    assert first["version"] in line
    assert " 240 " in line


def test_settings_say_what_is_relevant_where_no_option_does(
    home: Path, orders: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AKIN_ANOMALY_SIMILARITY_RELEVANT_BY", '["kind"]')
    run("import", "anomalies", str(orders), *_mapped())
    assert run("train", "similarity")["evaluation"]["relevant_by"] == ["kind"]


def test_a_file_is_judged_without_a_workspace_and_plots_are_written(
    home: Path, orders: Path, tmp_path: Path
):
    out = tmp_path / "report"
    words = ["evaluate", "similarity", str(orders), *_mapped(), "--relevant-by", "kind"]
    found = run(*words, "--out", str(out))
    methods = {each["method"] for each in found["evaluation"]["methods"]}
    assert {"random", "bm25", "words", "characters", "lsa", "labels", "chosen"} <= methods
    assert found["champion"] is None
    assert json.loads((out / "report.json").read_text()) == found["evaluation"]
    assert "<svg" in (out / "report.html").read_text()
    shown = CliRunner().invoke(app, words)
    assert "Chosen: " in shown.stdout


def test_what_serves_is_judged_beside_the_methods(home: Path, orders: Path):
    run("import", "anomalies", str(orders), *_mapped())
    trained = run("train", "similarity", "--relevant-by", "kind")
    found = run("evaluate", "similarity", "--relevant-by", "kind")
    assert found["champion_version"] == trained["version"]
    chosen = next(m for m in found["evaluation"]["methods"] if m["method"] == "chosen")
    assert found["champion"]["p_at_1"] == pytest.approx(chosen["p_at_1"], abs=1e-5)


def test_an_empty_workspace_is_refused_in_one_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.argv", ["akin", "train", "similarity"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == FAILED
    assert "No anomaly has a description yet" in capsys.readouterr().err


def _mapped() -> list[str]:
    columns = ("description=text", "timestamp=when", "attributes=kind")
    return [word for column in columns for word in ("--map", column)]
