"""What end-to-end tests share: settings, tokens, a migrated database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.security.keys import LocalKeys
from services.security.scopes import EVERY_SCOPE
from services.security.tokens import TokenSigner


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An `AKIN_HOME`, also the folder in which the processes work."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def token(home: Path, workspace: str) -> str:
    """A token with every scope, for the test's own workspace."""
    signer = TokenSigner(LocalKeys(home / "keys"), issuer="akin", audience="akin")
    return signer.issue(client_id="e2e", workspace=workspace, scopes=EVERY_SCOPE)


@pytest.fixture
def report(
    record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> Callable[[object], None]:
    """Print a line that is to be seen although the test passes."""

    def say(line: object) -> None:
        record_property("oracle", str(line))
        with capsys.disabled():
            print(f"\n{line}", flush=True)  # noqa: T201

    return say
