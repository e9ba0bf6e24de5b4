"""A folder of its own for the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """AKIN_HOME, with an empty database, whatever addresses this machine has set."""
    for variable in ("DATABASE_URL", "BROKER_URL", "CACHE_URL", "MODEL_STORE_URL"):
        monkeypatch.delenv(f"AKIN_{variable}", raising=False)
    monkeypatch.setenv("AKIN_HOME", str(tmp_path))
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0
    return tmp_path
