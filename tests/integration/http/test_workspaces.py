"""A client of one workspace finds nothing of another's, neither to read nor to change, on any route.

`WALK` says for every route how the stranger calls it with what it knows of the other, and what it may get.
A route that is not in it fails the test: whoever adds a route decides here what a stranger sees of it.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from jose import jwt

from services.accounts.app import service as accounts
from services.web.application import create_app
from tests.integration.http.stage import Api, Platform, routes, running, until
from tests.integration.recommendations import small_models

pytestmark = pytest.mark.asyncio(loop_scope="session")

TERM = "word"  # that the first workspace has edited
SECRET = "kept-to-itself"  # stands in all that the first workspace has, and in no request


@dataclass
class Owner:
    """The first workspace, and the names in it that the stranger knows."""

    api: Api
    client_id: str
    token: str
    version: str
    item: str = f"item-{SECRET}"
    user: str = f"user-{SECRET}"
    name: str = f"name-{SECRET}"
    email: str = ""
    receipt: str = ""
    rejects: str = ""
    asked: str = ""


@dataclass
class Visit:
    """What the stranger sends, and what it must get."""

    status: int | tuple[int, ...]
    options: Callable[[Owner], dict[str, Any]] = lambda _: {}
    body: Any = None  # the exact answer
    path: Callable[[Owner], dict[str, str]] = lambda _: {}


def _item(owner: Owner) -> dict[str, str]:
    return {"item_id": owner.item}


def _user(owner: Owner) -> dict[str, str]:
    return {"user_id": owner.user}


def _name(owner: Owner) -> dict[str, str]:
    return {"name": owner.name}


def _client(owner: Owner) -> dict[str, str]:
    return {"client_id": owner.client_id}


def _json(**body: Any) -> Callable[[Owner], dict[str, Any]]:
    return lambda owner: {
        "json": json.loads(json.dumps(body).replace("ITEM", owner.item).replace("USER", owner.user))
    }


def _anomaly(owner: Owner) -> dict[str, str]:
    return {"anomaly_id": owner.item}


def _component(owner: Owner) -> dict[str, str]:
    return {"component_id": owner.name}


def _profile(owner: Owner) -> dict[str, str]:
    return {"user_name": owner.user}


def _term(_: Owner) -> dict[str, str]:
    return {"term": TERM}


MODEL = {"name": "recommendations"}
OPEN = Visit(200)

WALK: dict[str, Visit] = {
    "GET /healthcheck": OPEN,
    "GET /ready": OPEN,
    "GET /metrics": OPEN,
    "GET /.well-known/jwks.json": OPEN,
    "GET /items": Visit(200, body={"items": [], "cursor": None}),
    "GET /items/{item_id}": Visit(404, path=_item),
    "DELETE /items/{item_id}": Visit(404, path=_item),
    "PATCH /items/{item_id}": Visit(404, _json(hidden=True), path=_item),
    "GET /recs/{user_id}": Visit(200, path=_user),
    "GET /users/{user_id}/history": Visit(
        200, path=_user, body={"user_id": Owner.user, "history": [], "cursor": None}
    ),
    "GET /popular": Visit(200, body={"items": []}),
    "GET /items/{item_id}/similar": Visit(404, path=_item),
    "GET /users/{user_id}/why/{item_id}": Visit(404, path=lambda o: {**_user(o), **_item(o)}),
    "POST /recs/batch": Visit(200, _json(user_ids=["USER"])),
    "POST /sessions/recommendations": Visit(400, _json(history=[{"item_id": "ITEM", "rating": 5}])),
    "GET /rules": Visit(200, body={"rules": []}),
    "GET /rules/{name}": Visit(404, path=_name),
    "DELETE /rules/{name}": Visit(404, path=_name),
    "GET /scenarios": Visit(200, body={"scenarios": []}),
    "GET /scenarios/{name}": Visit(404, path=_name),
    "DELETE /scenarios/{name}": Visit(404, path=_name),
    "GET /experiments": Visit(200, body={"experiments": [], "cursor": None}),
    "GET /experiments/{name}": Visit(404, path=_name),
    "DELETE /experiments/{name}": Visit(404, path=_name),
    "GET /erasures/{receipt_id}": Visit(404, path=lambda owner: {"receipt_id": owner.receipt}),
    "POST /recommendations": Visit(
        400, _json(user_id="USER", history=[{"item_id": "ITEM", "rating": 5}])
    ),
    "GET /models/{name}": Visit(
        200,
        path=lambda _: MODEL,
        body={"name": "recommendations", "champion": None, "history": [], "versions": []},
    ),
    "POST /models/{name}/rollback": Visit(
        404, lambda owner: {"json": {"version": owner.version}}, path=lambda _: MODEL
    ),
    "GET /anomalies": Visit(200, body={"anomalies": [], "cursor": None}),
    "GET /anomalies/{anomaly_id}": Visit(404, path=_anomaly),
    "DELETE /anomalies/{anomaly_id}": Visit(404, path=_anomaly),
    "GET /imports/{import_id}": Visit(404, path=lambda o: {"import_id": o.rejects}),
    "POST /similarities": Visit(404, _json(anomaly_id="ITEM")),
    "GET /similarities": Visit(404, lambda owner: {"params": {"task_result_id": owner.asked}}),
    "GET /similarities/events": Visit(
        404, lambda owner: {"params": {"task_result_id": owner.asked}}
    ),
    "POST /similarities/search": Visit(200, _json(description=SECRET[:4])),
    "GET /similarities/evaluation": Visit(404),
    "GET /vocabulary": Visit(200, body={"entries": [], "cursor": None}),
    "DELETE /vocabulary/{term}": Visit(404, path=_term),
    "GET /components": Visit(200, body={"components": [], "cursor": None}),
    "GET /components/{component_id}": Visit(404, path=_component),
    "DELETE /components/{component_id}": Visit(404, path=_component),
    "GET /profiles": Visit(200, body={"profiles": [], "cursor": None}),
    "GET /profiles/{user_name}": Visit(404, path=_profile),
    "DELETE /profiles/{user_name}": Visit(404, path=_profile),
    # What the stranger writes under the same names goes into its own workspace.
    "POST /interact": Visit(200, _json(user_id="USER", item_ids=["ITEM"], actions=["dislike"])),
    "POST /events": Visit(
        200,
        _json(events=[{"event_id": "e1", "user_id": "USER", "item_id": "ITEM", "kind": "skip"}]),
    ),
    "POST /verdicts": Visit(
        200,
        _json(anomaly_id="ITEM", similar_anomaly_id="other", user_name="USER", useful=False),
    ),
    "PUT /items/{item_id}": Visit(200, _json(title="Mine now", hidden=True), path=_item),
    "POST /add_items": Visit(200, _json(item_ids=["ITEM"], genres=[["Mine"]])),
    "PUT /rules/{name}": Visit(200, _json(filter="hidden", effect="bury"), path=_name),
    "PUT /scenarios/{name}": Visit(200, _json(limit=1), path=_name),
    "PUT /experiments/{name}": Visit(
        200,
        _json(variants=[{"name": "a", "share": 50}, {"name": "b", "share": 50}]),
        path=_name,
    ),
    "PUT /anomalies/{anomaly_id}": Visit(200, _json(description="Mine now"), path=_anomaly),
    "POST /anomalies": Visit(200, _json(anomaly_id="ITEM", description="Mine too")),
    "POST /anomalies/import": Visit(
        200,
        lambda owner: {
            "files": {"file": f"id,text\n{owner.item},Mine as well\n".encode()},
            "data": {"map": ["anomaly_id=id", "description=text"]},
        },
    ),
    "PUT /components/{component_id}": Visit(200, _json(name="Mine now"), path=_component),
    "POST /components": Visit(200, _json(component_id="ITEM")),
    "PUT /vocabulary/{term}": Visit(200, _json(stands_for="mine", kind="synonym"), path=_term),
    "PUT /profiles/{user_name}": Visit(200, _json(role="Mine now"), path=_profile),
    "POST /profiles": Visit(200, _json(user_name="USER")),
    "DELETE /users/{user_id}": Visit(202, path=_user),
    "GET /clients": Visit(200),
    "DELETE /clients/{client_id}": Visit(404, path=_client),
    "POST /clients/{client_id}/rotate-secret": Visit(404, path=_client),
    "POST /revoke": Visit(200, lambda owner: {"data": {"token": owner.token}}),
    "POST /token": Visit(
        400,
        lambda owner: {
            "data": {
                "grant_type": "password",
                "username": owner.email,
                "password": "wrong password",
            }
        },
    ),
    "POST /create-client": Visit(
        400,
        lambda owner: {
            "json": {
                "username": f"other-{uuid.uuid4().hex}",
                "name": "Stranger",
                "email": owner.email,
                "password": "correct horse",
            }
        },
        body=None,
    ),
    "GET /cleanup": Visit(200),  # last: it empties the stranger's workspace
}


@pytest_asyncio.fixture(loop_scope="session")
async def owner(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Owner]:
    """A workspace with something of everything, registered as a customer would."""
    monkeypatch.setenv("AKIN_ACCOUNTS_REGISTRATION", "isolated")
    name = f"{uuid.uuid4().hex}-{SECRET}"
    app = create_app(accounts, settings=platform.settings)
    async with running(app), platform.client("none", app=app) as anybody:
        person = {"username": name, "name": SECRET, "email": f"{name}@example.org"}
        made = await anybody.post("/create-client", json=person | {"password": "correct horse"})
        form = {"grant_type": "password", "username": name, "password": "correct horse"}
        token = (await anybody.post("/token", data=form)).json()["access_token"]
    workspace = jwt.get_unverified_claims(token)["workspace"]
    api = platform.client(workspace)
    api.headers["authorization"] = f"Bearer {token}"
    manifest = await asyncio.to_thread(
        small_models.publish, platform.models, workspace, best=[1], size=2
    )
    found = Owner(api, made.json()["client_id"], token, manifest.version, email=person["email"])
    await fill(found)
    yield found
    await platform.forget(workspace)


async def fill(owner: Owner) -> None:
    item = {"title": SECRET, "genres": [SECRET], "labels": {"x": SECRET}}
    await owner.api.put(f"/items/{owner.item}", json=item)
    await owner.api.items(other=["X"])
    await owner.api.react(owner.user, **{owner.item: "like", "other": "like"})
    sent = {"event_id": "e1", "user_id": owner.user, "item_id": "third", "kind": "view"}
    await owner.api.post("/events", json={"events": [sent]})
    await until(lambda: _length(owner, 3))
    await owner.api.recs(owner.user)
    written = {
        f"/rules/{owner.name}": {"filter": f'genres has "{SECRET}"', "effect": "boost"},
        f"/scenarios/{owner.name}": {"genre": SECRET},
        f"/experiments/{owner.name}": {
            "variants": [{"name": SECRET, "share": 50}, {"name": "b", "share": 50}]
        },
    }
    for path, body in written.items():
        answer = await owner.api.put(path, json=body)
        assert answer.status_code == 200, answer.text
    edit = {"stands_for": SECRET.replace("-", ""), "kind": "synonym"}
    answer = await owner.api.put(f"/vocabulary/{TERM}", json=edit)
    assert answer.status_code == 200, answer.text
    anomaly = {"description": SECRET, "component_ids": [owner.name], "user_names": [owner.user]}
    answer = await owner.api.put(f"/anomalies/{owner.item}", json=anomaly)
    assert answer.status_code == 200, answer.text
    refused = {"file": f"text\n{SECRET}\x07\n".encode()}
    answer = await owner.api.post(
        "/anomalies/import", files=refused, data={"map": ["description=text"]}
    )
    owner.rejects = answer.json()["rejects"].rpartition("/")[2]
    asked = await owner.api.post("/similarities", json={"anomaly_id": owner.item})
    owner.asked = asked.json()["task_result_id"]
    owner.receipt = (await owner.api.delete("/users/somebody")).json()["receipt_id"]


async def snapshot(owner: Owner) -> dict[str, Any]:
    """Return all that the owner can read without changing anything."""
    paths = (
        f"/users/{owner.user}/history",
        f"/items/{owner.item}",
        "/items",
        "/popular",
        "/models/recommendations",
        "/clients",
        "/rules",
        "/scenarios",
        "/experiments",
        f"/anomalies/{owner.item}",
        "/anomalies",
        "/components",
        "/profiles",
        "/vocabulary",
    )
    answers = {path: await owner.api.get(path) for path in paths}
    assert {answer.status_code for answer in answers.values()} == {200}
    return {path: answer.json() for path, answer in answers.items()}


async def test_a_stranger_finds_nothing_on_any_route(
    owner: Owner, api: Api, platform: Platform
) -> None:
    before = await snapshot(owner)
    assert SECRET in json.dumps(before)
    table = {f"{route.method} {route.path}" for route in routes(*platform.apps)}
    assert table == WALK.keys(), "Say in WALK what a stranger may see of a new route."

    for name, visit in WALK.items():
        method, path = name.split(" ")
        answer = await api.request(method, path.format(**visit.path(owner)), **visit.options(owner))
        assert answer.status_code == visit.status, f"{name}: {answer.text}"
        assert visit.body is None or answer.json() == visit.body, name
        check_that_it_tells_nothing(name, answer, owner)

    assert await snapshot(owner) == before


def check_that_it_tells_nothing(name: str, answer: httpx.Response, owner: Owner) -> None:
    """Look for what the owner has, after taking out what the stranger itself has said."""
    text = answer.text
    for said in (owner.item, owner.user, owner.name, owner.client_id):
        text = text.replace(said, "")
    if name == "GET /metrics":  # which tells of workspaces and models to whoever runs the platform
        assert SECRET not in text
        return
    assert owner.api.workspace not in text, name
    for kept in (SECRET, SECRET.replace("-", ""), owner.email, "third"):
        assert kept not in text, f"{name}: {answer.text}"
    if name != "POST /models/{name}/rollback":  # which was asked for this version
        assert owner.version not in text, name


async def test_lists_of_two_workspaces_never_mix(owner: Owner, api: Api) -> None:
    await api.items(mine=["X"])
    assert await api.recs(owner.user) == ["mine"]
    assert set(await owner.api.recs(owner.user)) == {owner.item, "other"}


async def _length(owner: Owner, length: int) -> bool:
    return len(await owner.api.history(owner.user)) == length
