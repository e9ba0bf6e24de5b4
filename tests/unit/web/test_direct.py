from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, Field

from services.web.application import direct_routes
from services.web.direct import Direct, DirectRoute
from services.web.edge import Edge
from services.web.errors import Forbidden, add_error_handlers

router = APIRouter()


class Body(BaseModel):
    name: Annotated[str, Field(min_length=1)]


async def caller(request: Request) -> str:
    if request.headers.get("authorization") != "yes":
        raise Forbidden("No.")
    return "ada"


async def two(request: Request, page: int = 1) -> str:
    return f"{request.url} {page}"


Caller = Annotated[str, Depends(caller)]
Limit = Annotated[int, Query(ge=1, le=9)]


@router.post("/things")
async def create(body: Body, who: Caller) -> Response:
    return Response(f"{who} {body.name}")


@router.get("/lists/{user:path}")
async def show(
    user: str,
    who: Caller,
    limit: Limit = 3,
    also: Annotated[list[str], Query()] = [],  # noqa: B006
) -> Response:
    if user == "away":
        raise ConnectionError("It does not answer.")
    if user == "lost":
        raise KeyError(user)
    return Response(f"{who} {user} {limit} {','.join(also)}")


def application(*, direct: bool) -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    add_error_handlers(app)
    if direct:
        app.add_middleware(Direct, routes=direct_routes(router, [create, show]))
    app.add_middleware(Edge, body_limits={})
    return app


@pytest.fixture(params=[False, True], ids=["plain", "direct"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(direct=request.param))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"authorization": "yes"}
    ) as opened:
        yield opened


async def test_a_body_reaches_the_endpoint(client: httpx.AsyncClient) -> None:
    answer = await client.post("/things", json={"name": "x"})
    assert (answer.status_code, answer.text) == (200, "ada x")


@pytest.mark.parametrize("content", ['{"name": ""}', '{"name": 1}', "{}", "{", "", '"x"'])
async def test_what_does_not_fit_is_told_in_the_same_words(content: str) -> None:
    answers = []
    for direct in (False, True):
        transport = httpx.ASGITransport(application(direct=direct))
        headers = {
            "authorization": "yes",
            "content-type": "application/json",
            "x-request-id": "1",
        }
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answers.append(await client.post("/things", content=content, headers=headers))
    plain, straight = answers
    assert plain.status_code == straight.status_code == 422
    assert plain.json() == straight.json()


async def test_another_content_type_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/things", content='{"name": "x"}', headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 422


async def test_a_content_type_may_have_parameters(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await client.post("/things", content='{"name": "x"}', headers=headers)).text == "ada x"


async def test_dependencies_refuse_before_anything_else(client: httpx.AsyncClient) -> None:
    answer = await client.post("/things", json={"name": "x"}, headers={"authorization": "no"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (403, "No.")


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("/lists/ada", "ada ada 3 "),
        ("/lists/a/b%20c?limit=9", "ada a/b c 9 "),
        ("/lists/x?limit=4&limit=5", "ada x 5 "),
        ("/lists/x?also=1&also=2", "ada x 3 1,2"),
        ("/lists/", "ada  3 "),
    ],
)
async def test_path_and_query_reach_the_endpoint(
    client: httpx.AsyncClient, address: str, text: str
) -> None:
    assert (await client.get(address)).text == text


@pytest.mark.parametrize("limit", ["0", "10", "x", ""])
async def test_a_query_that_does_not_fit_is_refused(client: httpx.AsyncClient, limit: str) -> None:
    answer = await client.get("/lists/x", params={"limit": limit})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == "query.limit"


async def test_what_the_endpoint_raises_is_answered_in_the_one_form(
    client: httpx.AsyncClient,
) -> None:
    away = await client.get("/lists/away")
    assert (away.status_code, away.json()["error"]["code"]) == (503, "unavailable")
    lost = await client.get("/lists/lost")
    assert (lost.status_code, lost.json()["error"]["code"]) == (500, "internal_error")


async def test_another_method_is_not_allowed(client: httpx.AsyncClient) -> None:
    assert (await client.delete("/things")).status_code == 405


def test_a_parameter_that_has_no_place_is_refused_at_the_start() -> None:
    other = APIRouter()

    @other.get("/x")
    async def endpoint(required: int) -> Response:
        return Response(str(required))

    with pytest.raises(TypeError, match="required"):
        DirectRoute(next(iter(_routes(other))))


def test_a_dependency_on_more_than_the_request_is_refused_at_the_start() -> None:
    other = APIRouter()

    @other.get("/x")
    async def endpoint(value: Annotated[str, Depends(two)]) -> Response:
        return Response(value)

    with pytest.raises(TypeError, match="request alone"):
        DirectRoute(next(iter(_routes(other))))


def _routes(of: APIRouter) -> list[object]:
    return list(of.routes)
