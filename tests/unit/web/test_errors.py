from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, field_validator

from services.coalescing import Overloaded
from services.web import errors
from services.web.edge import Edge
from services.web.errors import AkinError, add_error_handlers

FAMILY = [
    (errors.BadRequest("No."), 400, "bad_request"),
    (errors.BadRequest("No.", code="missing_history"), 400, "missing_history"),
    (errors.Unauthorized("No."), 401, "unauthorized"),
    (errors.Forbidden("No."), 403, "forbidden"),
    (errors.NotFound("No."), 404, "not_found"),
    (errors.Conflict("No."), 409, "conflict"),
    (errors.TooLarge("No."), 413, "body_too_large"),
    (errors.Unprocessable("No.", details=[{"field": "x"}]), 422, "invalid_request"),
    (errors.TooManyRequests("No.", retry_after=0.2), 429, "too_many_requests"),
    (errors.Unexpected(), 500, "internal_error"),
    (errors.Unavailable("No."), 503, "unavailable"),
    (HTTPException(418), 418, "error"),
    (ConnectionError("secret address"), 503, "unavailable"),
    (TimeoutError(), 503, "unavailable"),
    (Overloaded("Too much."), 503, "unavailable"),
    (ZeroDivisionError("secret value"), 500, "internal_error"),
]


class Body(BaseModel):
    numbers: list[int]
    name: str

    @field_validator("numbers")
    @classmethod
    def _natural(cls, numbers: list[int]) -> list[int]:
        if min(numbers, default=0) < 0:
            raise ValueError("must not be negative")
        return numbers


@pytest.fixture
async def app() -> FastAPI:
    app = FastAPI()

    @app.get("/fail/{index}")
    async def fail(index: int) -> None:
        raise FAMILY[index][0]

    @app.post("/body")
    async def body(body: Body) -> Body:
        return body

    add_error_handlers(app)
    app.add_middleware(Edge, body_limits={})
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://akin"
    ) as client:
        yield client


@pytest.mark.parametrize("index", range(len(FAMILY)))
async def test_every_error_has_the_one_body(client: httpx.AsyncClient, index: int) -> None:
    error, status, code = FAMILY[index]
    answer = await client.get(f"/fail/{index}", headers={"x-request-id": "r-1"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == "r-1"
    told = answer.json()["error"]
    assert told.keys() == {"code", "message", "details", "request_id"}
    assert (told["code"], told["request_id"]) == (code, "r-1")
    assert told["details"] == list(getattr(error, "details", ()))
    assert told["message"]
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (errors.Unauthorized("No."), "WWW-Authenticate", "Bearer"),
        (errors.TooManyRequests("No.", retry_after=0.01), "Retry-After", "1"),
        (errors.TooManyRequests("No.", retry_after=7.2), "Retry-After", "8"),
        (errors.Unavailable("No."), "Retry-After", "1"),
    ],
)
def test_some_errors_carry_a_header(error: AkinError, header: str, value: str) -> None:
    assert errors.render(error).headers[header] == value


async def test_an_unexpected_error_is_logged_with_its_trace_and_request_id(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.get(f"/fail/{len(FAMILY) - 1}")
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.exc_info is not None
    assert line.exc_info[0] is ZeroDivisionError


def test_a_parameter_of_query_or_body_is_named_where_it_stands() -> None:
    error = errors.Unprocessable("No.", details=[{"field": ".scenario"}])
    fields = [
        json.loads(errors.render(error, method=method).body)["error"]["details"][0]["field"]
        for method in ("GET", "POST")
    ]
    assert fields == ["query.scenario", "body.scenario"]


async def test_our_own_validators_speak_in_their_own_words(client: httpx.AsyncClient) -> None:
    answer = await client.post("/body", json={"numbers": [-1], "name": "x"})
    (detail,) = answer.json()["error"]["details"]
    assert detail["message"] == "must not be negative"


async def test_all_that_does_not_fit_is_listed_with_its_index(client: httpx.AsyncClient) -> None:
    answer = await client.post("/body", json={"numbers": [1, "x", 2, None]})
    assert answer.status_code == 422
    details = answer.json()["error"]["details"]
    assert [(d["field"], d.get("index")) for d in details] == [
        ("body.numbers.1", 1),
        ("body.numbers.3", 3),
        ("body.name", None),
    ]
    assert answer.json()["error"]["message"] == (
        "The request does not fit: body.numbers.1, body.numbers.3, body.name."
    )


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b'{"\\ud800": 1}'])
async def test_a_body_that_cannot_be_read_is_422(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post(
        "/body", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"].startswith("body")
