"""`callback_url`: who asked is called when the answer is there."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services import database
from services.anomaly_similarity import webhooks
from services.anomaly_similarity.app import service as anomaly_similarity
from services.web.application import create_app
from tests.integration.http.stage import Api, Platform, running, until

# Whoever delivers takes what is due in the database, of other tests too: one at a time.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("relays")]

KEY = bytes(range(32))


@pytest_asyncio.fixture(loop_scope="session")
async def signing(
    platform: Platform, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Api]:
    """A client of a service that signs webhooks and may call this machine."""
    secret = f"whsec_{base64.b64encode(KEY).decode()}"
    monkeypatch.setenv("AKIN_ANOMALY_SIMILARITY_WEBHOOK_SECRET", secret)
    monkeypatch.setenv("AKIN_ANOMALY_SIMILARITY_WEBHOOK_ALLOW_PRIVATE", "true")
    app = create_app(anomaly_similarity, settings=platform.settings)
    async with (
        running(app),
        database.connect(platform.settings.database) as opened,
        webhooks.delivering(opened, KEY, allow_private=True),
        platform.client(workspace, app=app) as client,
    ):
        yield client
    await platform.forget(workspace)


async def test_a_client_is_called_and_finds_its_answer(signing: Api) -> None:
    called: list[tuple[dict[str, str], bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = [line.split(": ", 1) for line in lines[1:] if line]
        headers = {name.lower(): value for name, value in pairs}
        called.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def is_called() -> bool:
        return bool(called)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await signing.put("/anomalies/N99", json={"description": "Leaks"})
    body = {"anomaly_id": "N99", "callback_url": f"http://127.0.0.1:{port}/akin"}
    asked = (await signing.post("/similarities", json=body)).json()
    await until(is_called)
    server.close()

    ((headers, got),) = called
    signed = f"{asked['task_result_id']}.{headers['webhook-timestamp']}.".encode() + got
    wanted = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    data = json.loads(got)["data"]
    params = {"task_result_id": data["task_result_id"], "user_name": data["user_name"]}
    assert params == asked
    assert (await signing.get("/similarities", params=params)).json()["status"] == "done"


async def test_an_address_of_this_network_is_refused_where_it_is_not_allowed(
    platform: Platform, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKIN_ANOMALY_SIMILARITY_WEBHOOK_SECRET", base64.b64encode(KEY).decode())
    app = create_app(anomaly_similarity, settings=platform.settings)
    async with running(app), platform.client(api.workspace, app=app) as client:
        await client.put("/anomalies/N99", json={"description": "Leaks"})
        body = {"anomaly_id": "N99", "callback_url": "http://127.0.0.1:5432/"}
        answer = await client.post("/similarities", json=body)
        assert answer.status_code == 422
        assert answer.json()["error"]["details"][0]["field"] == "body.callback_url"
        taken = await client.post(
            "/similarities", json=body | {"callback_url": "https://plant.example/akin"}
        )
        assert taken.status_code == 202
