"""The load generator: `python -m tests.benchmarks.load`, a spec as JSON on stdin, the result on stdout.

A process of its own, and little of it: request bytes are made beforehand, answers are cut at their
`content-length` and looked at no further. One core drives some 40,000 requests a second.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle
from time import perf_counter
from typing import cast

import uvloop

HOST = "127.0.0.1"
GRACE = 15.0  # seconds after the end in which an answer may still come
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Spec:
    """Closed loop: every connection sends its next request when it has its answer, for `seconds`.

    `once`: until each request was sent once, if that is sooner.
    """

    port: int
    requests: Sequence[str]  # whole HTTP requests, in latin-1
    connections: int = 32
    seconds: float = 3.0
    once: bool = False


@dataclass(frozen=True)
class Load:
    """What came back. Latencies in seconds; `errors` are answers other than 2xx and lost connections."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int = 0
    statuses: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Requests answered with 2xx per second."""
        return (self.requests - self.errors) / self.seconds


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time; `answered(status, body)` after each."""

    def __init__(self, answered: Callable[[int, bytes], None]) -> None:
        self.answered = answered
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not one by name

    def send(self, request: bytes) -> None:
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answer = cut(self._buffer)
        if answer is not None:
            self._buffer = b""
            self.answered(*answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.answered(0, b"")

    def close(self) -> None:
        if self._transport is not None:
            self.answered = lambda status, body: None
            self._transport.close()


def cut(buffer: bytes) -> tuple[int, bytes] | None:
    """Return status and body of the answer in the buffer, or None while it is not whole."""
    end = buffer.find(HEAD_END)
    if end < 0:
        return None
    head = buffer[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        raise ValueError(f"An answer without a length: {head!r}")
    length = int(head[at + 17 :].split(b"\r\n", 1)[0])
    body = buffer[end + len(HEAD_END) :]
    return (int(buffer[9:12]), body) if len(body) >= length else None


class _Client:
    """One connection's closed loop."""

    def __init__(self, requests: Iterable[bytes], deadline: float) -> None:
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = iter(requests)
        self._deadline = deadline
        self._sent = 0.0
        self._connection = Connection(self._answered)

    async def run(self, port: int) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self._connection, HOST, port)
        self._send()
        await self.done
        self._connection.close()

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.done.set_result(None)
            return
        self._sent = perf_counter()
        self._connection.send(request)

    def _answered(self, status: int, _: bytes) -> None:
        now = perf_counter()
        self.latencies.append(now - self._sent)
        self.statuses[status] += 1
        if status and now < self._deadline:
            self._send()
        elif not self.done.done():
            self.done.set_result(None)


async def drive(spec: Spec) -> Load:
    """Return what the server gave in the time."""
    requests = [request.encode("latin-1") for request in spec.requests]
    started = perf_counter()
    shares = [requests[i :: spec.connections] for i in range(spec.connections)]
    clients = [
        _Client(share if spec.once else cycle(share or requests), started + spec.seconds)
        for share in shares
    ]
    async with asyncio.timeout(spec.seconds + GRACE):
        await asyncio.gather(*(client.run(spec.port) for client in clients))
    return summary(
        [latency for client in clients for latency in client.latencies],
        sum((client.statuses for client in clients), Counter()),
        perf_counter() - started,
    )


def summary(latencies: list[float], statuses: Counter[int], seconds: float) -> Load:
    """Return the quantiles and counts of these answers."""
    latencies.sort()
    return Load(
        requests=len(latencies),
        seconds=seconds,
        p50=quantile(latencies, 0.5),
        p99=quantile(latencies, 0.99),
        errors=sum(n for status, n in statuses.items() if not 200 <= status < 300),
        statuses={str(status): n for status, n in statuses.items()},
    )


def quantile(ascending: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    if not ascending:
        return float("nan")
    return ascending[max(0, math.ceil(len(ascending) * share) - 1)]


def main() -> None:
    """Read the spec, drive, write the result."""
    spec = Spec(**json.load(sys.stdin))
    json.dump(asdict(uvloop.run(drive(spec))), sys.stdout)


if __name__ == "__main__":
    main()
