from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.benchmarks.load import Spec, cut, drive, quantile, summary
from tests.benchmarks.traffic import get, interact, post

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


@asynccontextmanager
async def server(*answers: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answer requests without a body in turn with `answers`, over and over; give port and requests."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                seen.append(await reader.readuntil(b"\r\n\r\n"))
                answer = answers[(len(seen) - 1) % len(answers)]
                if not answer:
                    break
                writer.write(answer[:20])
                await asyncio.sleep(0)
                writer.write(answer[20:])
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], seen


async def test_it_drives_a_server_and_counts_what_comes_back() -> None:
    async with server(OK) as (port, seen):
        load = await drive(Spec(port, [get("/a", "t"), get("/b", "t")], connections=2, seconds=0.2))
    assert load.requests == len(seen)
    assert load.errors == 0
    assert load.statuses == {"200": load.requests}
    assert load.rate == pytest.approx(load.requests / load.seconds)
    assert 0 < load.p50 <= load.p99 < load.seconds
    assert {request.split()[1] for request in seen} == {b"/a", b"/b"}


async def test_answers_other_than_2xx_are_errors_and_no_part_of_the_rate() -> None:
    async with server(OK, BUSY) as (port, _):
        load = await drive(Spec(port, [get("/", "t")], connections=1, seconds=0.2))
    assert load.errors == load.statuses["503"] > 0
    assert load.rate == pytest.approx(load.statuses["200"] / load.seconds)


async def test_a_lost_connection_is_an_error_and_ends_its_client() -> None:
    async with server(OK, b"") as (port, seen):
        load = await drive(Spec(port, [get("/", "t")], connections=1, seconds=5.0))
    assert len(seen) == 2
    assert load.statuses == {"200": 1, "0": 1}
    assert load.errors == 1
    assert load.seconds < 4


async def test_once_sends_each_request_once() -> None:
    requests = [get(f"/{number}", "t") for number in range(10)]
    async with server(OK) as (port, seen):
        load = await drive(Spec(port, requests, connections=3, seconds=30.0, once=True))
    assert load.requests == 10
    assert {request.split()[1] for request in seen} == {f"/{n}".encode() for n in range(10)}


def test_an_answer_is_cut_only_when_it_is_whole() -> None:
    assert [cut(OK[:end]) for end in range(len(OK))] == [None] * len(OK)
    assert cut(OK) == (200, b"{}")
    assert cut(BUSY) == (503, b"")


def test_an_answer_without_a_length_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="without a length"):
        cut(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_quantile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert quantile(range(1, 101), share) == value


def test_nothing_measured_has_no_quantile() -> None:
    assert quantile([], 0.5) != quantile([], 0.5)  # NaN


def test_the_summary_sorts_what_it_gets() -> None:
    load = summary([3.0, 1.0, 2.0], Counter({200: 2, 500: 1}), 2.0)
    assert (load.p50, load.p99, load.requests, load.errors, load.rate) == (2.0, 3.0, 3, 1, 1.0)


def test_requests_state_the_length_of_their_body() -> None:
    head, _, body = post("/interact", {"a": "b"}, "token").partition("\r\n\r\n")
    assert f"content-length: {len(body)}" in head
    assert "authorization: Bearer token" in head


def test_single_events_are_of_different_users() -> None:
    bodies = [request.partition("\r\n\r\n")[2] for request in interact("token")]
    assert len(set(bodies)) == len(bodies)
