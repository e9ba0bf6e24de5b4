"""`akin models`, as its users read it in a terminal of 80 columns."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.model_store import ModelStore
from services.web.config import PlatformSettings
from tests.integration.recommendations.small_models import publish

REASON = "blend has NDCG@10 0.1234 against the champion's 0.1200, for what 123 people liked since."


@pytest.fixture
def versions(home: Path) -> list[str]:
    """Two versions, which served one after the other."""
    store = ModelStore(PlatformSettings().models)
    made = [publish(store, "default", best=[n], size=2, promoted=False).version for n in (0, 1)]
    for generation, version in enumerate(made):
        expected = generation or None
        store.promote("default", "recommendations", version, expected=expected, reason=REASON)
    return made


@pytest.mark.parametrize("command", ["list", "history"])
def test_every_version_stands_whole_beside_its_time(versions: list[str], command: str) -> None:
    result = CliRunner().invoke(app, ["models", command], catch_exceptions=False)
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    for version in versions:
        (line,) = (line for line in lines if version in line)
        assert ":" in line  # of the hour


def test_a_list_has_one_line_each(versions: list[str]) -> None:
    result = CliRunner().invoke(app, ["models", "list"], catch_exceptions=False)
    assert len(result.stdout.splitlines()) == 1 + len(versions)
