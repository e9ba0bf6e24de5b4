"""Errors that any route may answer: tokens, scopes, sizes, rates, what is away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.event_collector.app import service as event_collector
from services.recommendations.app import service as recommendations
from services.security.keys import LocalKeys
from services.security.tokens import TokenSigner
from services.web.application import Service, create_app
from tests.integration.http.stage import Api, Platform, routes, running, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIKE = {"user_id": "ada", "item_ids": ["a"], "actions": ["like"]}
VERDICT = {"anomaly_id": "a", "similar_anomaly_id": "b", "user_name": "ada", "useful": True}
MIB = 1024 * 1024
NOWHERE = "127.0.0.1:1"


def error(answer: httpx.Response) -> dict[str, Any]:
    """Return the error, after a look at what all errors have."""
    told: dict[str, Any] = answer.json()["error"]
    assert told.keys() == {"code", "message", "details", "request_id"}
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["message"]
    return told


async def test_every_route_that_needs_a_scope_refuses_who_has_no_token_or_not_that_scope(
    api: Api, platform: Platform
) -> None:
    secured = [r for r in routes(*platform.apps) if r.scopes is not None]
    assert len(secured) > 15
    async with platform.client(api.workspace, "detection:read") as without:
        for route in secured:
            path = route.path.replace("{", "").replace("}", "")
            answer = await api.request(route.method, path, headers={"authorization": ""})
            assert answer.status_code == 401, route
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert error(answer)["code"] == "unauthorized"
            if route.scopes:
                answer = await without.request(route.method, path)
                assert answer.status_code == 403, route
                assert error(answer)["code"] == "insufficient_scope"
                assert route.scopes[0] in error(answer)["message"]


async def test_a_token_that_does_not_hold_is_refused(
    api: Api, platform: Platform, tmp_path: Path
) -> None:
    good = platform.token(api.workspace)
    foreign = TokenSigner(LocalKeys(tmp_path), issuer="akin", audience="akin")
    header, payload, signature = good.split(".")
    for authorization in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        f"Basic {good}",
        f"Bearer {header}.{payload}.{signature[::-1]}",
        f"Bearer {header}.{payload}.",
        f"Bearer {platform.token(api.workspace, at=time.time() - 100_000)}",
        f"Bearer {foreign.issue(client_id='c', workspace='w', scopes=frozenset())}",
        f"Bearer {'x' * 5_000}",
    ):
        for path in ("/recs/ada", "/items"):
            answer = await api.get(path, headers={"authorization": authorization})
            assert answer.status_code == 401, authorization
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert good not in answer.text
            error(answer)


async def test_a_body_over_the_limit_is_refused_before_it_is_read(api: Api) -> None:
    async def never_read() -> AsyncIterator[bytes]:
        raise AssertionError("It was read.")
        yield b""

    for path, limit in (("/interact", MIB), ("/add_items", MIB), ("/events", 4 * MIB)):
        headers = {"content-type": "application/json", "content-length": str(limit + 1)}
        answer = await api.post(path, content=never_read(), headers=headers)
        assert answer.status_code == 413
        assert error(answer)["code"] == "body_too_large"


async def test_a_body_that_does_not_state_its_length_is_refused_once_it_is_over(api: Api) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"user_id": "'
        while True:
            sent += 1
            yield b"x" * 65_536

    for path, parts in (("/interact", 16), ("/events", 64), ("/recommendations", 16)):
        sent = 0
        headers = {"content-type": "application/json"}
        answer = await api.post(path, content=endless(), headers=headers)
        assert answer.status_code == 413
        assert error(answer)["code"] == "body_too_large"
        assert sent <= parts + 1


async def test_a_request_id_is_kept_if_it_is_one_and_made_otherwise(api: Api) -> None:
    for given, kept in (("abc-1.2:3_X", True), ("a b", False), ("x" * 101, False)):
        answer = await api.get("/items", headers={"x-request-id": given})
        assert (answer.headers["x-request-id"] == given) is kept
        assert answer.headers["x-request-id"]


async def test_an_unknown_path_and_a_wrong_method_have_the_error_body_too(api: Api) -> None:
    for path in ("/nothing", "/recs", "/items/", "/users", "/"):
        answer = await api.get(path)
        assert answer.status_code in (404, 422), path
        error(answer)
    answer = await api.put("/interact", json=LIKE)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]
    assert error(answer)["code"] == "method_not_allowed"


@asynccontextmanager
async def changed(
    platform: Platform, api: Api, service: Service, **changes: Any
) -> AsyncIterator[Api]:
    """Run one service with other settings."""
    app: FastAPI = create_app(service, settings=platform.settings.model_copy(update=changes))
    async with running(app), platform.client(api.workspace, app=app) as client:
        yield client


async def test_over_the_rate_a_client_is_told_when_to_come_again(
    api: Api, platform: Platform
) -> None:
    async with changed(platform, api, recommendations, requests_per_second=1) as client:
        answers = [await client.get("/items") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert error(answers[-1])["code"] == "too_many_requests"


async def test_without_the_broker_nothing_is_accepted(api: Api, platform: Platform) -> None:
    away = SecretStr(f"amqp://guest:guest@{NOWHERE}/")
    async with changed(platform, api, event_collector, broker_url=away) as client:
        told = {"/interact": LIKE, "/events": {"events": [_event()]}, "/verdicts": VERDICT}
        for path, body in told.items():
            answer = await client.post(path, json=body)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            assert error(answer)["code"] == "unavailable"
            assert NOWHERE not in answer.text
        wrong = await client.post("/interact", json={})
        assert wrong.status_code == 422

        health = await client.get("/healthcheck")
        assert health.status_code == 503
        told = health.json()
        assert told["status"] == "unavailable"
        assert {name for name, found in told["checks"].items() if found != "ok"} == {"broker"}
        assert NOWHERE not in health.text


async def test_without_the_database_lists_and_items_are_unavailable(
    api: Api, platform: Platform
) -> None:
    away = SecretStr(f"postgresql+asyncpg://akin:secret@{NOWHERE}/akin")
    async with changed(platform, api, recommendations, database_url=away) as client:
        answers = [
            await client.get("/recs/ada"),
            await client.get("/items"),
            await client.post("/recommendations", json={"user_id": "ada"}),
            await client.put("/items/a", json={}),
            await client.get("/cleanup"),
        ]
        for answer in answers:
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) >= 1
            error(answer)
        health = await client.get("/ready")
        assert health.status_code == 503
        assert set(health.json()["checks"]) >= {"database", "schema"}
        assert "secret" not in health.text


async def test_a_cleanup_that_others_cannot_be_told_of_is_to_be_repeated(
    api: Api, platform: Platform
) -> None:
    await api.put("/anomalies/a", json={"description": "Leaks"})
    away = SecretStr(f"amqp://akin:secret@{NOWHERE}/")
    async with changed(platform, api, recommendations, broker_url=away) as client:
        answer = await client.get("/cleanup")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
    assert (await api.get("/anomalies/a")).status_code == 200
    assert (await api.get("/cleanup")).status_code == 200
    await until(lambda: is_gone(api, "/anomalies/a"))


async def is_gone(api: Api, path: str) -> bool:
    return (await api.get(path)).status_code == 404


async def test_without_the_cache_lists_are_made_all_the_same(api: Api, platform: Platform) -> None:
    await api.items(a=["X"], b=["X"], c=["X"])
    await api.react("ada", a="dislike")
    away = SecretStr(f"redis://{NOWHERE}/0")
    async with changed(platform, api, recommendations, cache_url=away) as client:
        answer = await client.get("/recs/ada", params={"limit": 1})
        assert answer.status_code == 200
        told = answer.json()
        assert told["degraded"] == ["cache"]
        assert {*told["item_ids"], *await client.recs("ada", limit=1)} == {"b", "c"}


def _event() -> dict[str, str]:
    return {"user_id": "ada", "item_id": "a", "kind": "like"}
