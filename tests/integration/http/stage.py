"""The platform of a test, and the client that a test speaks to it with."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aio_pika
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import delete

from services import cache, database
from services.accounts.tables import metadata as accounts_metadata
from services.anomaly_similarity.tables import metadata as anomalies_metadata
from services.broker import QUEUES
from services.broker.topology import DEAD, EVENTS
from services.database import EVERY_WORKSPACE
from services.model_store import ModelStore
from services.recommendations.tables import metadata
from services.security.keys import LocalKeys
from services.security.scopes import EVERY_SCOPE
from services.security.tokens import TokenSigner
from services.web.config import PlatformSettings

TABLES = (
    *metadata.sorted_tables,
    *anomalies_metadata.sorted_tables,
    *reversed(accounts_metadata.sorted_tables),
)
ACCOUNTS = ("/token", "/create-client", "/revoke", "/clients", "/.well-known")
EVENT_COLLECTOR = ("/interact", "/events", "/verdicts")
ANOMALY_SIMILARITY = (
    "/anomalies",
    "/components",
    "/profiles",
    "/imports",
    "/similarities",
    "/vocabulary",
)


class Api(httpx.AsyncClient):
    """A client of the platform, with its token; `workspace` is the one that the token says."""

    workspace: str

    async def items(self, **genres: list[str]) -> None:
        """Add items by id, with their genres."""
        body = {"item_ids": list(genres), "genres": list(genres.values())}
        answer = await self.post("/add_items", json=body)
        assert answer.status_code == 200, answer.text

    async def react(self, user_id: str, **actions: str) -> None:
        """Send likes and dislikes by item id, and wait until they are recorded."""
        body = {"user_id": user_id, "item_ids": list(actions), "actions": list(actions.values())}
        answer = await self.post("/interact", json=body)
        assert answer.status_code == 200, answer.text
        await until(lambda: self._recorded(user_id, actions))

    async def _recorded(self, user_id: str, actions: dict[str, str]) -> bool:
        kinds = {e["item_id"]: e["kind"] for e in await self.history(user_id)}
        return actions.items() <= kinds.items()

    async def history(self, user_id: str) -> list[dict[str, Any]]:
        """Return what a user did, the newest first."""
        answer = await self.get(f"/users/{quote(user_id, safe='')}/history", params={"limit": 100})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["history"])

    async def recs(self, user_id: str, **parameters: Any) -> list[str]:
        """Return the item ids of a list."""
        answer = await self.get(f"/recs/{quote(user_id, safe='')}", params=parameters)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["item_ids"])

    async def is_served_by_a_model(self, user_id: str) -> bool:
        """Tell whether the next list comes from a model."""
        return (await self.get(f"/recs/{user_id}")).json()["model_version"] is not None


class Platform:
    """One profile, running."""

    def __init__(self, settings: PlatformSettings, apps: list[FastAPI]) -> None:
        self.settings = settings
        self.apps = apps
        self.models = ModelStore(settings.models)
        self._signer = TokenSigner(
            LocalKeys(settings.keys), issuer=settings.issuer, audience=settings.audience
        )

    def token(self, workspace: str, scopes: frozenset[str] = EVERY_SCOPE, **options: Any) -> str:
        """Return a token as accounts would issue it."""
        client_id = str(uuid.uuid4())
        return self._signer.issue(
            client_id=client_id, workspace=workspace, scopes=scopes, **options
        )

    def client(self, workspace: str, *scopes: str, app: FastAPI | None = None) -> Api:
        """Return a client with a token for the workspace; with every scope if none is named."""
        token = self.token(workspace, frozenset(scopes) or EVERY_SCOPE)
        api = Api(
            transport=httpx.ASGITransport(app or self._route, raise_app_exceptions=False),
            base_url="http://akin",
            headers={"Authorization": f"Bearer {token}"},
        )
        api.workspace = workspace
        return api

    async def _route(self, scope: Any, receive: Any, send: Any) -> None:
        """Do what an ingress does: each path belongs to one service."""
        app = self.apps[-1]
        if len(self.apps) > 1 and scope["path"].startswith(ACCOUNTS):
            app = self.apps[0]
        elif len(self.apps) > 1 and scope["path"] in EVENT_COLLECTOR:
            app = self.apps[1]
        elif len(self.apps) > 1 and scope["path"].startswith(ANOMALY_SIMILARITY):
            app = self.apps[2]
        await app(scope, receive, send)

    async def flush(self, workspace: str) -> None:
        """Lose what the cache has of a workspace, as if Redis had been emptied."""
        async with self._cache() as connected:
            await connected.delete_prefix(f"akin:w:{workspace}:")

    async def forget(self, workspace: str) -> None:
        """Delete what a test left in its workspace."""
        await self.flush(workspace)
        async with (
            database.connect(self.settings.database) as db,
            db.transaction(EVERY_WORKSPACE) as connection,
        ):
            for table in TABLES:
                await connection.execute(delete(table).where(table.c.workspace == workspace))
        await asyncio.to_thread(self.models.delete_workspace, workspace)

    @asynccontextmanager
    async def _cache(self) -> AsyncIterator[cache.Cache]:
        if self.settings.cache == "memory://":
            yield self.apps[
                -1
            ].state.recommender._current._cache  # it is nowhere but in that process
            return
        async with cache.connect(self.settings.cache) as connected:
            yield connected


def profile(request: pytest.FixtureRequest, home: Path) -> PlatformSettings:
    """Return the settings of the profile that `request.param` names."""
    options: dict[str, Any] = {}
    if request.param == "full":
        prefix = f"test-{uuid.uuid4().hex[:12]}."
        options = {
            "database_url": SecretStr(request.getfixturevalue("database_url")),
            "broker_url": SecretStr(f"{request.getfixturevalue('amqp_url')}?prefix={prefix}"),
            "cache_url": SecretStr(request.getfixturevalue("redis_url")),
        }
    return PlatformSettings(home=home, log_style="text", log_level="warning", **options)


async def delete_queues(url: str) -> None:
    """Delete what a broker with a prefix has on the shared RabbitMQ; a journal is only a file."""
    if not url.startswith("amqp"):
        return
    prefix = url.partition("?prefix=")[2]
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for queue in (DEAD, *QUEUES):
            await channel.queue_delete(prefix + queue)
        for exchange in (DEAD, EVENTS):
            await channel.exchange_delete(prefix + exchange)


@asynccontextmanager
async def running(*apps: FastAPI) -> AsyncIterator[None]:
    """Run the lifespans of the apps."""
    async with AsyncExitStack() as stack:
        for app in apps:
            await stack.enter_async_context(app.router.lifespan_context(app))
        yield


async def until(
    condition: Callable[[], Awaitable[bool]], *, seconds: float = 10, every: float = 0.02
) -> None:
    """Wait until the condition holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(every)


@dataclass(frozen=True)
class Route:
    """A route as OpenAPI shows it; `scopes` is None where it is open."""

    method: str
    path: str
    scopes: tuple[str, ...] | None
    operation: dict[str, Any]


def routes(*apps: FastAPI) -> list[Route]:
    """Return every route of the apps' OpenAPI documents."""
    found = {}
    for app in apps:
        for path, operations in app.openapi()["paths"].items():
            for method, operation in operations.items():
                security = operation.get("security")
                scopes = tuple(security[0]["token"]) if security else None
                found[method, path] = Route(method.upper(), path, scopes, operation)
    return list(found.values())
