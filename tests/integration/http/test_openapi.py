"""What the OpenAPI documents say: a scope on every route, and summary, example and errors."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute

from services.accounts import app as accounts
from services.anomaly_similarity import app as anomaly_similarity
from services.embedded import app as embedded
from services.event_collector import app as event_collector
from services.recommendations import app as recommendations
from services.recommendations import worker
from services.security.scopes import EVERY_SCOPE
from tests.integration.http.stage import Api, Platform, Route, routes

APPS = [
    accounts.app,
    event_collector.app,
    recommendations.app,
    worker.app,
    anomaly_similarity.app,
    embedded,
]

# Nothing else is open. `/create-client` asks for its scope itself, where registration needs one.
OPEN = {
    "GET /healthcheck",
    "GET /ready",
    "GET /metrics",
    "GET /.well-known/jwks.json",
    "POST /token",
    "POST /create-client",
}
# These are about the caller itself, or ask for `clients:admin` where they are not.
ANY_CLIENT = {"POST /revoke", "POST /clients/{client_id}/rotate-secret"}

each_route = pytest.mark.parametrize(
    "route", routes(*APPS), ids=lambda route: f"{route.method} {route.path}"
)


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


@each_route
def test_every_route_needs_a_scope_but_for_the_open_ones(route: Route) -> None:
    if name(route) in OPEN:
        assert route.scopes is None
    elif name(route) in ANY_CLIENT:
        assert route.scopes == ()
    else:
        assert route.scopes
        assert set(route.scopes) <= EVERY_SCOPE


def test_no_route_hides_from_openapi() -> None:
    """A route that OpenAPI does not show would be in no list that is checked here."""
    for each in (accounts, event_collector, recommendations, anomaly_similarity):
        service = each.service
        for router in service.routers:
            for route in router.routes:
                assert isinstance(route, APIRoute)
                assert route.include_in_schema


@each_route
def test_every_route_has_a_summary_and_a_description(route: Route) -> None:
    assert route.operation["summary"]
    assert route.operation["description"].endswith((".", "`"))


@each_route
def test_every_route_states_its_errors(route: Route) -> None:
    responses = route.operation["responses"]
    wanted = {"503"} if route.path != "/metrics" else set()
    if route.scopes is not None:
        wanted |= {"401", "403", "429"}
    if "requestBody" in route.operation:
        wanted |= {"413", "422"}
    if route.operation.get("parameters"):
        wanted.add("422")
    if route.path in ("/token", "/create-client"):
        wanted |= {"400", "429"}
    assert wanted <= responses.keys()
    for status, response in responses.items():
        assert response["description"]
        if status in ("429", "503"):
            assert "Retry-After" in response["headers"]
        if status == "401":
            assert "WWW-Authenticate" in response["headers"]
        if status >= "4" and not (status == "503" and route.path in ("/healthcheck", "/ready")):
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorBody"}


@each_route
def test_every_route_has_examples_of_what_it_takes_and_gives(route: Route) -> None:
    schemas = embedded.openapi()["components"]["schemas"]
    body = route.operation.get("requestBody")
    if body is not None:
        for content in body["content"].values():
            assert has_example(content, schemas)
    for parameter in route.operation.get("parameters", ()):
        if parameter["in"] == "path":
            assert has_example(parameter, schemas)
    for content in route.operation["responses"].get("200", {}).get("content", {}).values():
        assert route.path == "/metrics" or has_example(content, schemas)


def has_example(part: Any, schemas: dict[str, Any]) -> bool:
    """Tell whether an example stands anywhere in a part of the document."""
    if isinstance(part, list):
        return any(has_example(each, schemas) for each in part)
    if not isinstance(part, dict):
        return False
    if "$ref" in part:
        return has_example(schemas[part["$ref"].rpartition("/")[2]], schemas)
    return (
        "example" in part
        or "examples" in part
        or "const" in part  # the one value that it can have
        or any(has_example(each, schemas) for each in part.values())
    )


@pytest.mark.asyncio(loop_scope="session")
async def test_docs_are_served_to_anybody(api: Api, platform: Platform) -> None:
    for app in platform.apps:
        async with platform.client(api.workspace, app=app) as client:
            for path in ("/docs", "/openapi.json"):
                answer = await client.get(path, headers={"authorization": ""})
                assert answer.status_code == 200
