"""The whole platform in this process, in both profiles, behind one address; started once a run.

Tests and fixtures share one event loop, because the platform lives in it; each test has a workspace of
its own, and what it left there is deleted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services import database
from services.accounts.app import service as accounts
from services.anomaly_similarity.app import service as anomaly_similarity
from services.anomaly_similarity.worker import service as anomaly_similarity_worker
from services.event_collector.app import service as event_collector
from services.recommendations.app import service as recommendations
from services.recommendations.worker import service as worker
from services.web.application import create_app
from services.web.config import PlatformSettings
from tests.integration.http.stage import Api, Platform, delete_queues, profile, running


@pytest.fixture(scope="session", params=["embedded", "full"])
def settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> PlatformSettings:
    """The settings of each profile in turn."""
    return profile(request, tmp_path_factory.mktemp(request.param))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(settings: PlatformSettings) -> AsyncIterator[Platform]:
    """Each profile in turn, all services and the worker running."""
    await database.migrate(settings.database)
    services = [
        accounts,
        event_collector,
        anomaly_similarity,
        anomaly_similarity_worker,
        worker,
        recommendations,
    ]
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
    await delete_queues(settings.broker)


@pytest_asyncio.fixture(loop_scope="session")
async def api(platform: Platform, workspace: str) -> AsyncIterator[Api]:
    """A client with every scope, in a workspace of the test's own."""
    async with platform.client(workspace) as client:
        yield client
    await platform.forget(workspace)
