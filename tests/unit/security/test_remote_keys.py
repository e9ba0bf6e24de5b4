import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.security import (
    InvalidToken,
    KeysUnavailable,
    LocalKeys,
    RemoteKeys,
    TokenSigner,
    TokenVerifier,
    rotate,
)


@asynccontextmanager
async def _serving(document: Callable[[], Any], *, status: int = 200) -> AsyncIterator[str]:
    """A real, very small HTTP server that answers every request with `document()`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        given = document()
        body = given if isinstance(given, bytes) else json.dumps(given).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/.well-known/jwks.json"
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def token(signer: TokenSigner) -> str:
    return signer.issue(client_id="c-1", workspace="default", scopes=frozenset())


async def test_a_service_elsewhere_verifies_with_the_served_keys(keys: LocalKeys, token: str):
    async with _serving(keys.jwks) as url:
        remote = RemoteKeys(url)
        verifier = TokenVerifier(remote, issuer="akin", audience="akin")
        assert (await verifier.resolve(token)).client_id == "c-1"
        await remote.close()


async def test_known_keys_stay_known_while_accounts_is_away(keys: LocalKeys, token: str):
    async with _serving(keys.jwks) as url:
        remote = RemoteKeys(url)
        await remote.refresh()

    with pytest.raises(KeysUnavailable):
        await remote.refresh()

    assert TokenVerifier(remote, issuer="akin", audience="akin").verify(token).client_id == "c-1"
    await remote.close()


async def test_a_key_that_is_no_longer_served_is_forgotten(
    folder: Path, keys: LocalKeys, token: str
):
    async with _serving(keys.jwks) as url:
        remote = RemoteKeys(url)
        verifier = TokenVerifier(remote, issuer="akin", audience="akin")
        await verifier.resolve(token)
        rotate(folder)
        rotate(folder)
        await keys.refresh()
        await remote.refresh()

        with pytest.raises(InvalidToken):
            verifier.verify(token)
        await remote.close()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        [],
        {"keys": []},
        {"keys": 7},
        {"keys": [7]},
        {"keys": [{"kid": "a", "kty": "EC", "crv": "P-256"}]},
        {"keys": [{"kid": "a", "kty": "EC", "crv": "P-256", "x": 1, "y": 2}]},
        {"keys": [{"kid": "a", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
        {"keys": [{"kid": "a", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}]},
        b"[" * 50_000,
        b" " * 100_000 + b'{"keys": []}',
    ],
    ids=lambda document: str(document)[:40],
)
async def test_what_is_no_jwks_is_refused(document: Any):
    async with _serving(lambda: document) as url:
        remote = RemoteKeys(url)
        with pytest.raises(KeysUnavailable):
            await remote.refresh()
        await remote.close()


async def test_a_key_of_another_kind_beside_ours_is_passed_over(keys: LocalKeys, token: str):
    other = {"kid": "rsa", "kty": "RSA", "n": "AQAB", "e": "AQAB"}
    async with _serving(lambda: {"keys": [other, *keys.jwks()["keys"]]}) as url:
        remote = RemoteKeys(url)
        await remote.refresh()

        assert remote.find("rsa") is None
        assert remote.find(keys.signing()[0]) is not None
        await remote.close()


async def test_an_error_page_is_no_answer(keys: LocalKeys):
    async with _serving(keys.jwks, status=502) as url:
        remote = RemoteKeys(url)
        with pytest.raises(KeysUnavailable):
            await remote.refresh()
        await remote.close()
