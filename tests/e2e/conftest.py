"""What end-to-end tests share: a home, a token, the embedded profile, a line to show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.security.keys import LocalKeys
from services.security.scopes import EVERY_SCOPE
from services.security.tokens import TokenSigner
from tests.e2e.house import House, house


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
async def embedded(home: Path, workspace: str) -> AsyncIterator[House]:
    """A house in which the embedded process can run, on a migrated database."""
    data, queue = f"sqlite+aiosqlite:///{home}/akin.db", f"journal:///{home}/journal.db"
    async with house(home, {}, workspace, data_url=data, queue_url=queue) as made:
        yield made


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[object], None]:
    """Show a line at the end of the run although the test passes: see `tests/conftest.py`."""
    return lambda line: record_property("shown", str(line))
