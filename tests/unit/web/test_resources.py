from __future__ import annotations

from pathlib import Path

import pytest

from services import database
from services.web.config import PlatformSettings
from services.web.resources import open_resources


async def test_a_schema_that_fits_is_looked_at_once_and_one_that_does_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0
    schema_version = database.schema_version

    async def counted(url: str) -> tuple[str, str]:
        nonlocal looked
        looked += 1
        return await schema_version(url)

    monkeypatch.setattr(database, "schema_version", counted)
    monkeypatch.setattr("services.telemetry.health.SHARED", 0.0)
    settings = PlatformSettings(home=tmp_path, database_url=f"sqlite+aiosqlite:///{tmp_path}/a.db")
    async with open_resources(settings) as resources:
        await resources.database()
        for _ in range(2):
            healthy, checks = await resources.health.report(readiness=True)
            assert not healthy, checks
        assert looked == 2
        await database.migrate(settings.database)
        for _ in range(3):
            assert (await resources.health.report(readiness=True))[0]
    assert looked == 3
