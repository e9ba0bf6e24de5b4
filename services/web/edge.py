"""The edge: what every request passes first. Plain ASGI, because it stands in every hot path."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.telemetry.logs import request_id
from services.web.errors import TooLarge, answer_to, render

BODY_LIMIT = 1024 * 1024  # bytes; a thousand interactions take about 200 kB
MAX_DIGITS = 15  # of a length; Python refuses to read thousands of them
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,100}")


class Edge:
    """Gives each request an id, refuses a body over its limit before it is read, answers errors."""

    def __init__(self, app: ASGIApp, *, body_limits: Mapping[str, int]) -> None:
        self.app = app
        self.body_limits = body_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer 413, and the errors of direct routes and of what nobody foresaw."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        identifier = _identifier(headers)
        token = request_id.set(identifier)
        answer = (b"x-request-id", identifier.encode())
        started = False

        async def tag(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], answer]
            await send(message)

        try:
            limit = self.body_limits.get(scope["path"], BODY_LIMIT)
            await self.app(scope, _bounded(receive, headers.get(b"content-length"), limit), tag)
        except Exception as error:  # the last edge: here the request's id is still known
            if started:
                raise
            await render(answer_to(error))(scope, receive, tag)
        finally:
            request_id.reset(token)


def _identifier(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return os.urandom(16).hex()


def _bounded(receive: Receive, length: bytes | None, limit: int) -> Receive:
    """Return what reads the body up to the limit; refuse one at once that states a greater length."""
    if length is not None:
        if not length.isdigit() or len(length) > MAX_DIGITS or int(length) > limit:
            raise _too_large(limit)
        return receive  # it cannot grow beyond what it states: the server sees to that
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message: dict[str, Any] = dict(await receive())
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return bounded


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit // 1024} KiB.")
