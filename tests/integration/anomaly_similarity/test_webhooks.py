"""Webhooks against a real server: signed, repeated, given up, refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from services.anomaly_similarity import addresses, requests_repository, webhooks
from services.anomaly_similarity.requests_repository import Asked, Outcome
from services.anomaly_similarity.service import new_id
from services.anomaly_similarity.tables import similarity_requests
from services.anomaly_similarity.webhooks import ATTEMPTS, Webhooks
from services.database import Database

# Whoever delivers takes what is due in the database, of other tests too: one at a time.
pytestmark = pytest.mark.xdist_group("relays")

KEY = bytes(range(24))
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def says(status: int, *, head: str = "", body: bytes = b"") -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        length = f"content-length: {len(body)}\r\n"
        writer.write(f"HTTP/1.1 {status} X\r\n{head}{length}\r\n".encode() + body)
        await writer.drain()

    return answer


async def endless(writer: asyncio.StreamWriter) -> None:
    """Answer well, and never end the body."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        await writer.drain()


async def silence(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


@dataclass
class Receiver:
    """A client's server; `answers` are given in turn, the last one for ever."""

    answers: list[Answer] = field(default_factory=lambda: [says(204)])
    port: int = 0
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        # Signatures and ids are told apart by case.
        kept = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in head[1:] if line}
        self.got.append((head[0], kept, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            await answer(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/hook?plant=7"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@pytest.fixture
async def sender(data: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Webhooks]:
    monkeypatch.setattr(webhooks, "FIRST_PAUSE", timedelta(0))
    made = Webhooks(data, KEY, allow_private=True)
    yield made
    await made.close()


async def answered(data: Database, workspace: str, url: str | None) -> str:
    """Store a request whose answer is there."""
    now = datetime.now(UTC)
    asked = Asked(
        task_result_id=new_id(),
        user_name="ada",
        anomaly_id="N99",
        question="{}",
        requested_at=now,
        callback_url=url,
    )
    async with data.transaction(workspace) as connection:
        await requests_repository.insert(connection, workspace, [asked])
        outcome = Outcome(asked.task_result_id, "done", '{"status":"done"}')
        await requests_repository.finish(connection, workspace, [outcome], now)
    return asked.task_result_id


async def rounds(sender: Webhooks, count: int) -> None:
    """Let it look so many times, each time to the end."""
    for _ in range(count):
        await sender.deliver()
        while sender._running:
            await asyncio.wait(sender._running)
            await asyncio.sleep(0)


async def due(data: Database, workspace: str) -> tuple[int, datetime | None]:
    async with data.reading(workspace) as connection:
        of = similarity_requests.c
        query = select(of.callback_attempts, of.callback_due_at).where(of.workspace == workspace)
        row = (await connection.execute(query)).one()
    return row[0], row[1]


async def test_a_webhook_is_signed_after_the_standard_and_sent_once(
    data: Database, workspace: str, receiver: Receiver, sender: Webhooks
) -> None:
    identifier = await answered(data, workspace, receiver.url())
    await rounds(sender, 2)
    ((line, headers, body),) = receiver.got
    assert line == "POST /hook?plant=7 HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == identifier
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    signed = f"{identifier}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    told = json.loads(body)
    assert told["type"] == "similarity.computed"
    assert told["data"] == {
        "task_result_id": identifier,
        "user_name": "ada",
        "anomaly_id": "N99",
        "status": "done",
    }
    assert await due(data, workspace) == (1, None)


async def test_a_request_without_an_address_calls_nobody(
    data: Database, workspace: str, sender: Webhooks
) -> None:
    await answered(data, workspace, None)
    assert await due(data, workspace) == (0, None)


async def test_what_fails_is_tried_again_under_the_same_id(
    data: Database, workspace: str, receiver: Receiver, sender: Webhooks
) -> None:
    receiver.answers = [says(500), says(404), says(200)]
    identifier = await answered(data, workspace, receiver.url())
    await rounds(sender, 5)
    assert [headers["webhook-id"] for _, headers, _ in receiver.got] == [identifier] * 3
    assert await due(data, workspace) == (3, None)


async def test_after_eight_failures_it_is_given_up(
    data: Database, workspace: str, receiver: Receiver, sender: Webhooks
) -> None:
    receiver.answers = [says(503)]
    await answered(data, workspace, receiver.url())
    await rounds(sender, ATTEMPTS + 2)
    assert len(receiver.got) == ATTEMPTS
    assert await due(data, workspace) == (ATTEMPTS, None)


async def test_a_redirect_is_not_followed(
    data: Database, workspace: str, receiver: Receiver, sender: Webhooks
) -> None:
    elsewhere = f"location: {receiver.url()}&again=1\r\n"
    receiver.answers = [says(307, head=elsewhere)]
    await answered(data, workspace, receiver.url())
    await rounds(sender, 1)
    assert [line for line, _, _ in receiver.got] == ["POST /hook?plant=7 HTTP/1.1"]
    attempts, again = await due(data, workspace)
    assert attempts == 1
    assert again is not None


async def test_an_endless_answer_is_not_read(
    data: Database, workspace: str, receiver: Receiver, sender: Webhooks
) -> None:
    receiver.answers = [endless]
    await answered(data, workspace, receiver.url())
    async with asyncio.timeout(5):
        await rounds(sender, 1)
    assert await due(data, workspace) == (1, None)


async def test_a_server_that_says_nothing_holds_up_no_other(
    data: Database,
    workspace: str,
    receiver: Receiver,
    sender: Webhooks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT", 0.3)
    monkeypatch.setattr(webhooks, "FIRST_PAUSE", timedelta(minutes=1))
    receiver.answers = [silence, says(200)]
    await answered(data, workspace, receiver.url())
    await sender.deliver()
    while len(receiver.got) < 1:
        await asyncio.sleep(0.01)
    await answered(data, workspace, receiver.url())
    await rounds(sender, 1)
    assert len(receiver.got) == 2


async def test_two_workers_deliver_once(
    data: Database,
    workspace: str,
    receiver: Receiver,
    sender: Webhooks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhooks, "FIRST_PAUSE", timedelta(minutes=1))
    await answered(data, workspace, receiver.url())
    other = Webhooks(data, KEY, allow_private=True)
    await asyncio.gather(rounds(sender, 2), rounds(other, 2))
    await other.close()
    assert len(receiver.got) == 1


async def test_what_was_taken_by_a_worker_that_died_is_due_again(
    data: Database, workspace: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "FIRST_PAUSE", timedelta(0))
    receiver.answers = [silence, says(200)]
    await answered(data, workspace, receiver.url())
    first = Webhooks(data, KEY, allow_private=True)
    await first.deliver()
    while not receiver.got:
        await asyncio.sleep(0.01)
    await first.close()  # as a crash: it settles nothing
    second = Webhooks(data, KEY, allow_private=True)
    await rounds(second, 1)
    await second.close()
    assert await due(data, workspace) == (2, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "inner.example.org"])
async def test_a_private_address_is_refused_whatever_its_name(
    data: Database,
    workspace: str,
    receiver: Receiver,
    host: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved: list[str] = []

    def resolve(name: str, _: int) -> list[str]:
        resolved.append(name)
        return ["93.184.216.34", "127.0.0.1"]  # one bad address is enough

    monkeypatch.setattr(addresses, "resolve", resolve)
    await answered(data, workspace, receiver.url(host))
    careful = Webhooks(data, KEY, allow_private=False)
    await rounds(careful, 2)
    await careful.close()
    assert resolved == [host]
    assert receiver.got == []
    assert await due(data, workspace) == (1, None)


def test_the_last_attempt_comes_about_a_day_after_the_first() -> None:
    now = datetime.now(UTC)
    pauses = [webhooks.next_try(attempt) for attempt in range(1, ATTEMPTS + 1)]
    assert pauses[-1] is None
    waits = [at - now for at in pauses if at is not None]
    assert all(earlier < later for earlier, later in pairwise(waits))
    assert timedelta(hours=16) < sum(waits, timedelta()) < timedelta(hours=30)
    assert waits[0] > timedelta(seconds=webhooks.TIMEOUT)  # no two attempts side by side
