"""Accounts as a real HTTP process, in both profiles; and a service elsewhere that trusts its tokens."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from sqlalchemy import delete, or_

from services import cache, database
from services.accounts import app as accounts_app
from services.accounts.tables import clients, revocations, workspaces
from services.cache import Cache
from services.database import EVERY_WORKSPACE, Database
from services.security import Scope
from services.web.application import Service, create_app
from services.web.config import PlatformSettings
from services.web.gate import Caller, requires

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the newest schema, to copy: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "akin.db"
    asyncio.run(database.migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(params=["embedded", "full"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> PlatformSettings:
    if request.param == "full":
        urls = {
            "database_url": SecretStr(request.getfixturevalue("database_url")),
            "cache_url": SecretStr(request.getfixturevalue("redis_url")),
        }
    else:
        urls = {}
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "akin.db")
    return PlatformSettings(home=tmp_path, log_style="text", log_level="warning", **urls)


@pytest.fixture
async def opened(settings: PlatformSettings) -> AsyncIterator[Database]:
    async with database.connect(settings.database) as db:
        yield db


@pytest.fixture
async def opened_cache(settings: PlatformSettings) -> AsyncIterator[Cache]:
    async with cache.connect(settings.cache) as connected:
        yield connected


@pytest.fixture
async def prefix(opened: Database) -> AsyncIterator[str]:
    """What the names of this test begin with; who has such a name is deleted at the end."""
    prefix = f"t-{uuid.uuid4().hex[:12]}"
    yield prefix
    async with opened.transaction(EVERY_WORKSPACE) as connection:
        mine = delete(clients).where(clients.c.username.startswith(prefix))
        homes = set((await connection.execute(mine.returning(clients.c.workspace))).scalars())
        homes -= {"default"}
        for table in (revocations, workspaces):
            own = or_(table.c.workspace.startswith(prefix), table.c.workspace.in_(homes))
            await connection.execute(delete(table).where(own))


@dataclass
class Api:
    """What a test does with accounts over HTTP."""

    http: httpx.AsyncClient
    prefix: str
    app: FastAPI
    ids: dict[str, str] = field(default_factory=dict)

    async def send(
        self, method: str, path: str, token: str | None = None, **options: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.http.request(method, path, headers=headers, **options)

    def body(self, who: str, /, **changes: Any) -> dict[str, Any]:
        given = {
            "username": f"{self.prefix}-{who}",
            "name": who.title(),
            "email": f"{self.prefix}-{who}@example.org",
            "password": PASSWORD,
        }
        return given | changes

    async def create(self, name: str, *, token: str | None = None, **changes: Any) -> str:
        answer = await self.send("POST", "/create-client", token, json=self.body(name, **changes))
        assert answer.status_code == 200, answer.text
        self.ids[name] = answer.json()["client_id"]
        return self.ids[name]

    async def login(
        self, name: str, *, password: str = PASSWORD, scope: str | None = None
    ) -> httpx.Response:
        form = {
            "grant_type": "password",
            "username": f"{self.prefix}-{name}",
            "password": password,
        }
        return await self.http.post("/token", data=form | ({"scope": scope} if scope else {}))

    async def token(self, name: str, **options: Any) -> str:
        answer = await self.login(name, **options)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def new(self, name: str) -> str:
        """Create a client and return its token."""
        await self.create(name)
        return await self.token(name)


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())  # without its signal handlers
    while not server.started:
        assert not task.done(), task.exception()
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            yield http
    finally:
        server.should_exit = True
        await task


_probe = APIRouter()


@_probe.get("/probe")
async def probe(caller: Annotated[Caller, requires(Scope.EVENTS_WRITE)]) -> dict[str, str]:
    return {"client_id": caller.client_id, "workspace": caller.workspace}


@asynccontextmanager
async def _nothing_to_start(_app: FastAPI, _resources: object) -> AsyncIterator[None]:
    yield


PROBE = Service(name="probe", title="probe", routers=[_probe], start=_nothing_to_start)


Start = Callable[..., Awaitable[Api]]


@pytest.fixture
async def start(
    settings: PlatformSettings, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Start]:
    """`await start(registration="admin")`: accounts with these settings."""
    async with AsyncExitStack() as stack:

        async def run(**options: Any) -> Api:
            for name, value in options.items():
                monkeypatch.setenv(f"AKIN_ACCOUNTS_{name.upper()}", str(value))
            services = [accounts_app.service]
            if settings.cache == "memory://":
                services.append(PROBE)  # embedded: all services in one process
            app = create_app(*services, settings=settings)
            return Api(await stack.enter_async_context(serving(app)), prefix, app)

        yield run


@pytest.fixture
async def api(start: Start) -> Api:
    return await start()


@pytest.fixture
async def elsewhere(api: Api, settings: PlatformSettings) -> AsyncIterator[httpx.AsyncClient]:
    """Another service; in the full profile it has the keys' address and its own way to Redis."""
    if settings.cache == "memory://":
        yield api.http
        return
    remote = settings.model_copy(
        update={"jwks_url": f"{api.http.base_url.join('/.well-known/jwks.json')}"}
    )
    async with serving(create_app(PROBE, settings=remote)) as http:
        yield http
