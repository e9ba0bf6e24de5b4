"""The database and the cache of both profiles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services import cache, database
from services.cache import Cache
from services.database import Database


@pytest.fixture(params=["embedded", "full"])
async def data(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """SQLite and PostgreSQL."""
    url = f"sqlite+aiosqlite:///{tmp_path}/akin.db"
    if request.param == "full":
        url = request.getfixturevalue("database_url")
    await database.migrate(url)
    async with database.connect(url) as opened:
        yield opened


@pytest.fixture
async def store(request: pytest.FixtureRequest, data: Database) -> AsyncIterator[Cache]:
    """The cache that belongs to the database's profile."""
    url = "memory://" if data.is_sqlite else request.getfixturevalue("redis_url")
    async with cache.connect(url) as opened:
        yield opened
