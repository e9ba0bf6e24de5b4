"""The database of both profiles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from services import database
from services.anomaly_similarity.tables import metadata
from services.database import Database
from services.model_store import ModelStore


@pytest.fixture(params=["embedded", "full"])
async def data(
    request: pytest.FixtureRequest, tmp_path: Path, workspace: str
) -> AsyncIterator[Database]:
    """SQLite and PostgreSQL; what the test left in its workspace is deleted."""
    url = f"sqlite+aiosqlite:///{tmp_path}/akin.db"
    if request.param == "full":
        url = request.getfixturevalue("database_url")
    await database.migrate(url)
    async with database.connect(url) as opened:
        yield opened
        async with opened.transaction(workspace) as connection:
            for table in metadata.sorted_tables:
                await connection.execute(delete(table).where(table.c.workspace == workspace))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A model store of the test's own."""
    return ModelStore(f"file://{tmp_path}/models")
