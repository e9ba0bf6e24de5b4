from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from services.telemetry.logs import request_id
from services.web.edge import BODY_LIMIT, Edge


class Counting:
    """An application that reads its body and answers with its length and the request's id."""

    def __init__(self) -> None:
        self.calls = 0
        self.read = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        more = True
        while more:
            message = await receive()
            self.read += len(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/half":
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            raise ValueError("After the beginning of the answer.")
        body = f"{self.read} {request_id.get()}".encode()
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def app() -> Counting:
    return Counting()


@pytest.fixture
async def client(app: Counting) -> AsyncIterator[httpx.AsyncClient]:
    edge = Edge(app, body_limits={"/large": 2 * BODY_LIMIT})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(edge), base_url="http://akin"
    ) as client:
        yield client


async def pieces(sizes: Sequence[int]) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b"x" * size


@pytest.mark.parametrize(("path", "limit"), [("/", BODY_LIMIT), ("/large", 2 * BODY_LIMIT)])
async def test_a_body_of_exactly_the_limit_passes(
    client: httpx.AsyncClient, path: str, limit: int
) -> None:
    for content in (b"x" * limit, pieces([limit // 2, limit - limit // 2])):
        assert (await client.post(path, content=content)).status_code == 200


@pytest.mark.parametrize(("path", "limit"), [("/", BODY_LIMIT), ("/large", 2 * BODY_LIMIT)])
async def test_a_body_that_states_too_great_a_length_is_not_read(
    client: httpx.AsyncClient, app: Counting, path: str, limit: int
) -> None:
    answer = await client.post(path, content=b"x" * (limit + 1))
    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == f"The body is larger than {limit // 1024} KiB."
    assert app.calls == 0


@pytest.mark.parametrize("length", ["-1", "1e3", "+5", "ten", "1,000", "9" * 5_000])
async def test_a_length_that_is_no_number_is_refused(
    client: httpx.AsyncClient, app: Counting, length: str
) -> None:
    answer = await client.post("/", content=b"x", headers={"content-length": length})
    assert answer.status_code == 413
    assert app.calls == 0


@pytest.mark.parametrize("sizes", [[BODY_LIMIT + 1], [BODY_LIMIT, 1], [65_536] * 1_000])
async def test_a_body_without_a_length_ends_at_the_limit(
    client: httpx.AsyncClient, app: Counting, sizes: list[int]
) -> None:
    answer = await client.post("/", content=pieces(sizes))
    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == "The body is larger than 1024 KiB."
    assert app.read <= BODY_LIMIT


async def test_each_request_has_an_id_of_its_own(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/") for _ in range(3)]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 3
    assert {answer.text.split()[1] for answer in answers} == ids
    assert request_id.get() is None


@pytest.mark.parametrize("given", ["a", "0193f2-a1.b:c_D", "x" * 100])
async def test_an_id_that_came_with_the_request_is_kept(
    client: httpx.AsyncClient, given: str
) -> None:
    answer = await client.get("/", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] == given
    assert answer.text == f"0 {given}"


@pytest.mark.parametrize("given", ["", "x" * 101, "a b", "a\tb", "ü", '{"a":1}'])
async def test_an_id_that_could_harm_a_log_is_not(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/", headers={"x-request-id": given.encode()})
    assert answer.headers["x-request-id"] != given


async def test_an_answer_that_has_begun_is_not_begun_again(client: httpx.AsyncClient) -> None:
    with pytest.raises(ValueError, match="After the beginning"):
        await client.get("/half")
