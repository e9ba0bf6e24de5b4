"""The whole platform in this process, in both profiles, behind one address; started once a run.

Tests and fixtures share one event loop, because the platform lives in it; each test has a workspace of
its own, and what it left there is deleted.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aio_pika
import pytest
import pytest_asyncio
from pydantic import SecretStr

from services import database
from services.accounts.app import service as accounts
from services.broker import QUEUES
from services.broker.topology import DEAD, EVENTS
from services.event_collector.app import service as event_collector
from services.recommendations.app import service as recommendations
from services.recommendations.worker import service as worker
from services.web.application import create_app
from services.web.config import PlatformSettings
from tests.integration.http.stage import Api, Platform, running


@pytest.fixture(scope="session", params=["embedded", "full"])
def settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PlatformSettings:
    """The settings of each profile in turn."""
    home: Path = tmp_path_factory.mktemp(request.param)
    options: dict[str, Any] = {}
    if request.param == "full":
        prefix = f"test-{uuid.uuid4().hex[:12]}."
        options = {
            "database_url": SecretStr(request.getfixturevalue("database_url")),
            "broker_url": SecretStr(f"{request.getfixturevalue('amqp_url')}?prefix={prefix}"),
            "cache_url": SecretStr(request.getfixturevalue("redis_url")),
        }
    return PlatformSettings(home=home, log_style="text", log_level="warning", **options)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(settings: PlatformSettings) -> AsyncIterator[Platform]:
    """Each profile in turn, all services and the worker running."""
    await database.migrate(settings.database)
    services = [accounts, event_collector, worker, recommendations]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AKIN_RECOMMENDATIONS_ALLOW_CLEANUP", "true")
        for limit in ("LOGINS", "REGISTRATIONS"):
            patch.setenv(f"AKIN_ACCOUNTS_{limit}_PER_SECOND", "0")
        if settings.cache == "memory://":
            apps = [create_app(*services, settings=settings)]
        else:
            apps = [create_app(service, settings=settings) for service in services]
        async with running(*apps):
            yield Platform(settings, apps)
    if settings.broker.startswith("amqp"):
        await _delete_queues(settings.broker)


async def _delete_queues(url: str) -> None:
    prefix = url.partition("?prefix=")[2]
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for queue in (DEAD, *QUEUES):
            await channel.queue_delete(prefix + queue)
        for exchange in (DEAD, EVENTS):
            await channel.exchange_delete(prefix + exchange)


@pytest_asyncio.fixture(loop_scope="session")
async def api(platform: Platform, workspace: str) -> AsyncIterator[Api]:
    """A client with every scope, in a workspace of the test's own."""
    async with platform.client(workspace) as client:
        yield client
    await platform.forget(workspace)
