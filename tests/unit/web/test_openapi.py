from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import APIRouter
from pydantic import BaseModel

from services.security.scopes import Scope
from services.web.gate import Caller, requires
from services.web.openapi import COMMON_ERRORS, TruthfulApp


class Body(BaseModel):
    name: str


@pytest.fixture
def operations() -> dict[str, dict[str, object]]:
    app, router = TruthfulApp(), APIRouter()

    @router.get("/plain")
    async def plain() -> str:
        return ""

    @router.get("/query")
    async def query(limit: int) -> str:
        return str(limit)

    @router.post("/body")
    async def body(body: Body) -> str:
        return body.name

    @router.get("/secured", responses={403: {"description": "Its own words."}})
    async def secured(caller: Annotated[Caller, requires(Scope.EVENTS_WRITE)]) -> str:
        return caller.workspace

    app.include_router(router, responses=COMMON_ERRORS)
    return {path: found for path, each in app.openapi()["paths"].items() for found in each.values()}


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/plain", ["200", "503"]),
        ("/query", ["200", "422", "503"]),
        ("/body", ["200", "413", "422", "503"]),
        ("/secured", ["200", "401", "403", "429", "503"]),
    ],
)
def test_errors_follow_from_what_a_route_is(
    operations: dict[str, dict[str, dict[str, object]]], path: str, statuses: list[str]
) -> None:
    assert list(operations[path]["responses"]) == statuses


def test_what_a_route_says_itself_stays(
    operations: dict[str, dict[str, dict[str, dict[str, object]]]],
) -> None:
    responses = operations["/secured"]["responses"]
    assert responses["403"]["description"] == "Its own words."
    assert responses["401"]["headers"].keys() == {"WWW-Authenticate"}
    assert responses["429"]["headers"].keys() == {"Retry-After"}
    assert responses["503"]["headers"].keys() == {"Retry-After"}
