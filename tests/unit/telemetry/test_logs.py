from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from services.telemetry import logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Give the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_one_json_object_with_service_and_request_id(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(service="recommendations", level="info", style="json")
    token = logs.request_id.set("r-1")
    logging.getLogger("services.x").warning("Two\nlines.", extra={"workspace": "w"})
    logs.request_id.reset(token)
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert told.pop("time")
    assert told == {
        "level": "WARNING",
        "logger": "services.x",
        "message": "Two\nlines.",
        "service": "recommendations",
        "request_id": "r-1",
        "workspace": "w",
    }


def test_outside_a_request_there_is_no_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(service="worker", level="info", style="json")
    logging.getLogger("services.x").info("Hello.")
    assert json.loads(capsys.readouterr().err)["request_id"] is None


def test_an_exception_stays_on_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(service="worker", level="info", style="json")
    try:
        raise ValueError("Why.")
    except ValueError as error:
        logging.getLogger("services.x").error("Failed.", exc_info=error)
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: Why." in json.loads(line)["exc_info"]


def test_less_severe_lines_are_left_out_and_libraries_are_quiet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(service="worker", level="debug", style="text")
    logging.getLogger("aiosqlite").debug("secret")
    logging.getLogger("services.x").debug("Shown.")
    assert capsys.readouterr().err.strip().endswith("DEBUG   Shown.")
    logs.configure(service="worker", level="error", style="text")
    logging.getLogger("services.x").warning("Not shown.")
    assert capsys.readouterr().err == ""
