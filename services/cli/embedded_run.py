"""What `akin run` does: prepare, say how to try it, serve until Ctrl-C."""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
import uvicorn
from pydantic import SecretStr

from services.accounts import clients
from services.accounts.schemas import CreateClient
from services.accounts.service import SHARED_SCOPES
from services.cli.console import FAILED, errors, output
from services.cli.loading import is_empty, load_demo, load_movielens
from services.database import BULK_TIMEOUT, migrate
from services.embedded import app
from services.model_store import ModelStore
from services.recommendations import activity_repository, repository
from services.recommendations.loading import MODEL
from services.security.keys import LocalKeys
from services.security.passwords import Passwords
from services.security.tokens import TokenSigner
from services.web.config import PlatformSettings
from services.web.errors import BadRequest
from services.web.resources import Resources, open_resources

HOST = "127.0.0.1"
WORKSPACE = "default"
GRACE = 10  # seconds that requests under way get when it is stopped
PASSWORD_BYTES = 12  # of randomness in the demo client's password: 96 bits
DEMO_TOKEN_LIFETIME = 86_400  # seconds; a day, so that somebody who tries it need not hurry


@dataclass(frozen=True, slots=True)
class DemoClient:
    """The client that a first try uses. Its password lies in AKIN_HOME, for its owner alone."""

    client_id: str
    username: str
    password: str


def run(*, data: Path | None, port: int) -> None:
    """Prepare AKIN_HOME, then serve until Ctrl-C."""
    settings = PlatformSettings()
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _require_free(port)
    with _only_one(settings.home):
        asyncio.run(migrate(settings.database))
        client, tried = asyncio.run(_prepare(settings, data))
        if not importlib.util.find_spec("lightfm"):
            errors.print(
                "LightFM is left out (it needs a C compiler): the other models are trained."
            )
        _first_model(settings)
        greeting = _greeting(client, _token(settings, client), f"http://{HOST}:{port}", tried)
        _Server(greeting, port).run()
    output.print(f"Stopped. Your data stays in {settings.home}.")


async def _prepare(settings: PlatformSettings, data: Path | None) -> tuple[DemoClient, str]:
    """Load what there is to load; return the demo client, and an item to like."""
    async with open_resources(settings, command_timeout=BULK_TIMEOUT) as resources:
        client = await _demo_client(resources)
        if data is not None:
            output.print((await load_movielens(resources, data, WORKSPACE)).sentence())
        elif await is_empty(resources, WORKSPACE):
            output.print("Demo: " + (await load_demo(resources, WORKSPACE)).sentence())
        return client, await _popular_item(resources)


async def _popular_item(resources: Resources) -> str:
    database = await resources.database()
    async with database.reading(WORKSPACE) as connection:
        counts = await activity_repository.like_counts(connection, WORKSPACE)
        number = max(counts, key=lambda n: counts[n], default=0)
        items = await repository.items_by_number(connection, WORKSPACE, [number])
    return items[number].item_id if number in items else "some-item"


async def _demo_client(resources: Resources) -> DemoClient:
    file = resources.settings.home / "demo-client.json"
    if file.exists():
        return DemoClient(**json.loads(file.read_text()))
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    passwords = Passwords()
    wanted = CreateClient(
        username="demo", name="Demo", email="demo@example.com", password=SecretStr(password)
    )
    try:
        client_id = await clients.create_client(
            await resources.database(), passwords, wanted, workspace=WORKSPACE, scopes=SHARED_SCOPES
        )
    except BadRequest as error:
        errors.print("There is a client 'demo', but its password is not in AKIN_HOME.")
        raise typer.Exit(FAILED) from error
    finally:
        passwords.close()
    client = DemoClient(client_id, "demo", password)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump({"client_id": client_id, "username": "demo", "password": password}, out)
    return client


def _first_model(settings: PlatformSettings) -> None:
    """Train when there is no model yet: in a child process, whose memory goes back when it ends."""
    if ModelStore(settings.models).current(WORKSPACE, MODEL) is not None:
        return
    command = [sys.executable, "-m", "services.cli", "train", "recommendations"]
    environment = {**os.environ, **settings.environment()}
    subprocess.run(
        command, check=False, env=environment
    )  # it says itself what is wrong; lists come without a model


def _token(settings: PlatformSettings, client: DemoClient) -> str:
    signer = TokenSigner(
        LocalKeys(settings.keys),
        issuer=settings.issuer,
        audience=settings.audience,
        lifetime=DEMO_TOKEN_LIFETIME,
    )
    return signer.issue(client_id=client.client_id, workspace=WORKSPACE, scopes=SHARED_SCOPES)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            errors.print(f"Port {port} is taken: stop what uses it, or choose one with --port.")
            raise typer.Exit(FAILED) from error


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold AKIN_HOME: two processes on one journal would each believe to be alone."""
    with (home / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            errors.print(f"Akin is running already on {home}.")
            raise typer.Exit(FAILED) from error
        yield


class _Server(uvicorn.Server):
    """uvicorn, which says how to try it once it listens."""

    def __init__(self, greeting: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=HOST,
                port=port,
                access_log=False,
                log_config=None,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then greet."""
        await super().startup(sockets)
        if self.started:
            output.print(self._greeting, markup=False, highlight=False)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until Ctrl-C, which is the ordinary way to end."""
        try:
            super().run(sockets)
        except KeyboardInterrupt:
            return
        if not self.started:
            raise typer.Exit(FAILED)


def _greeting(client: DemoClient, token: str, address: str, item_id: str) -> str:
    bearer = '-H "Authorization: Bearer $TOKEN"'
    like = json.dumps({"user_id": "you", "item_ids": [item_id], "actions": ["like"]})
    return f"""
Akin runs on {address} (its API: {address}/docs). Ctrl-C stops it; the data stays.

Client "{client.username}", password "{client.password}", and a token that holds for a day:

TOKEN={token}

Try it: a list for you, a like, and the list that follows from it.

curl -s {bearer} '{address}/recs/you?limit=5&explain=true'
curl -s {bearer} -H 'Content-Type: application/json' -d '{like}' {address}/interact
sleep 1; curl -s {bearer} '{address}/recs/you?limit=5&explain=true'
"""
