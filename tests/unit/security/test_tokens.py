import asyncio
import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from jose import jwk, jwt

from services.security import (
    ExpiredToken,
    InvalidToken,
    KeysUnavailable,
    LocalKeys,
    TokenSigner,
    TokenVerifier,
    UnknownKey,
    rotate,
    tokens,
)


def _issue(signer: TokenSigner, **changes: Any) -> str:
    given = {
        "client_id": "c-1",
        "workspace": "default",
        "scopes": frozenset({"events:write", "recommendations:read"}),
    }
    return signer.issue(**(given | changes))


def _sign(keys: LocalKeys, *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """Sign claims of the test's choosing with the right key; None leaves a claim out."""
    now = time.time()
    claims = {
        "iss": "akin",
        "sub": "c-1",
        "aud": "akin",
        "exp": now + 60,
        "nbf": now,
        "iat": now,
        "jti": "t-1",
        "workspace": "default",
        "scope": "events:write",
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    kid, key = keys.signing()
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": kid} | (headers or {}))


def _base64(data: bytes | dict[str, Any]) -> str:
    raw = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_an_issued_token_speaks_for_its_client(signer: TokenSigner, verifier: TokenVerifier):
    client = verifier.verify(_issue(signer))

    assert client.client_id == "c-1"
    assert client.workspace == "default"
    assert client.scopes == {"events:write", "recommendations:read"}
    assert client.expires_at == pytest.approx(time.time() + 3600, abs=5)


def test_two_tokens_of_one_client_have_ids_of_their_own(
    signer: TokenSigner, verifier: TokenVerifier
):
    first, second = (verifier.verify(_issue(signer)) for _ in range(2))

    assert first.jti != second.jti


def test_a_token_that_was_seen_is_not_checked_again(signer: TokenSigner, verifier: TokenVerifier):
    token = _issue(signer)

    assert verifier.verify(token) is verifier.verify("".join(token))


def test_an_unsigned_token_is_refused(keys: LocalKeys, verifier: TokenVerifier):
    _, body, _ = _sign(keys).split(".")
    for algorithm in ("none", "None", ""):
        header = _base64({"alg": algorithm, "typ": "JWT", "kid": keys.signing()[0]})
        for signature in ("", "AA"):
            with pytest.raises(InvalidToken):
                verifier.verify(f"{header}.{body}.{signature}")


def test_the_public_key_is_no_shared_secret(keys: LocalKeys, verifier: TokenVerifier):
    # The classic confusion: a verifier that lets the token choose HS256 would use the public key,
    # which everyone has, as the secret.
    kid = keys.signing()[0]
    _, body, _ = _sign(keys).split(".")
    signed = f"{_base64({'alg': 'HS256', 'typ': 'JWT', 'kid': kid})}.{body}"
    for secret in (keys.find(kid).to_pem(), json.dumps(keys.jwks()["keys"][0]).encode()):
        digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        with pytest.raises(InvalidToken):
            verifier.verify(f"{signed}.{_base64(digest)}")


def test_a_key_in_the_header_is_not_believed(tmp_path: Path, verifier: TokenVerifier):
    foreign = LocalKeys(tmp_path / "foreign")
    public = foreign.jwks()["keys"][0]

    with pytest.raises(UnknownKey):
        verifier.verify(_sign(foreign, headers={"jwk": public}))


def test_a_foreign_key_under_a_known_id_is_refused(
    tmp_path: Path, keys: LocalKeys, verifier: TokenVerifier
):
    foreign = LocalKeys(tmp_path / "foreign")

    with pytest.raises(InvalidToken) as refused:
        verifier.verify(_sign(foreign, headers={"kid": keys.signing()[0]}))
    assert not isinstance(refused.value, UnknownKey)


@pytest.mark.parametrize("kid", [None, 7, ["a"], {}])
def test_a_token_without_a_proper_key_id_is_refused(
    keys: LocalKeys, verifier: TokenVerifier, kid: Any
):
    with pytest.raises(InvalidToken):
        verifier.verify(_sign(keys, headers={"kid": kid}))


def test_an_extension_that_must_be_understood_is_refused(keys: LocalKeys, verifier: TokenVerifier):
    with pytest.raises(InvalidToken):
        verifier.verify(_sign(keys, headers={"crit": ["exp"]}))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": ["another"]},
        {"iss": "another"},
        {"nbf": 4_000_000_000},  # in 2096
        {"nbf": "soon"},
        {"exp": "never"},
        {"exp": {}},
        {"exp": float("inf")},
        {"sub": 7},
        {"jti": 7},
        {"workspace": ""},
        {"workspace": 7},
        {"scope": ["events:write"]},
        *({name: None} for name in ("iss", "sub", "aud", "exp", "nbf", "iat", "jti")),
        {"workspace": None},
        {"scope": None},
    ],
    ids=str,
)
def test_a_wrong_or_missing_claim_is_refused(
    keys: LocalKeys, verifier: TokenVerifier, changes: dict[str, Any]
):
    with pytest.raises(InvalidToken):
        verifier.verify(_sign(keys, **changes))


def test_an_expired_token_is_refused_beyond_the_leeway(keys: LocalKeys, verifier: TokenVerifier):
    verifier.verify(_sign(keys, exp=time.time() - tokens.LEEWAY + 2))

    with pytest.raises(ExpiredToken):
        verifier.verify(_sign(keys, exp=time.time() - tokens.LEEWAY - 2))


def test_a_remembered_token_expires_all_the_same(keys: LocalKeys):
    verifier = TokenVerifier(keys, issuer="akin", audience="akin", leeway=0)
    token = TokenSigner(keys, issuer="akin", audience="akin", lifetime=1.2).issue(
        client_id="c-1", workspace="default", scopes=frozenset()
    )
    verifier.verify(token)

    time.sleep(1.3)

    with pytest.raises(ExpiredToken):
        verifier.verify(token)


def test_no_character_of_a_token_can_be_changed(keys: LocalKeys, verifier: TokenVerifier):
    token = _sign(keys)
    header, body, _ = token.split(".")
    # The last character of a part holds unused bits; every other change alters what is signed.
    ends = {len(header) - 1, len(header) + len(body), len(token) - 1}
    for position in set(range(0, len(token), 7)) - ends:
        other = "A" if token[position] != "A" else "B"
        with pytest.raises(InvalidToken):
            verifier.verify(token[:position] + other + token[position + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b.c.d.e",
        "ü.ü.ü",
        "\udcff.a.b",
        _base64(b"[" * 2900) + ".e30.AA",
        _base64(b'{"alg":') + ".e30.AA",
        _base64(b"[]") + ".e30.AA",
        "x" * 100_000,
    ],
    ids=lambda text: f"{len(text)}-{text[:6]!r}",
)
def test_what_is_no_token_is_refused_in_one_way(verifier: TokenVerifier, text: str):
    with pytest.raises(InvalidToken):
        verifier.verify(text)


def test_an_error_repeats_nothing_of_the_token(keys: LocalKeys, verifier: TokenVerifier):
    token = _sign(keys, aud="another", workspace="confidential")

    with pytest.raises(InvalidToken) as refused:
        verifier.verify(token)
    assert "another" not in str(refused.value)
    assert "confidential" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_an_independent_verifier_needs_the_jwks_alone(keys: LocalKeys, signer: TokenSigner):
    token = _issue(signer)
    signed, _, signature = token.rpartition(".")
    kid = json.loads(_unbase64(token.split(".")[0]))["kid"]
    entry = next(entry for entry in keys.jwks()["keys"] if entry["kid"] == kid)
    x, y = (int.from_bytes(_unbase64(entry[name])) for name in ("x", "y"))
    raw = _unbase64(signature)

    ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key().verify(
        encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:])),
        signed.encode(),
        ec.ECDSA(hashes.SHA256()),
    )


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_during_a_rotation_the_tokens_of_both_keys_hold(
    folder: Path, keys: LocalKeys, signer: TokenSigner, verifier: TokenVerifier
):
    before = _issue(signer)
    rotate(folder)
    await keys.refresh()
    after = _issue(signer)

    assert verifier.verify(before).client_id == verifier.verify(after).client_id
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]


async def test_a_key_that_was_taken_away_ends_even_remembered_tokens(
    folder: Path, keys: LocalKeys, signer: TokenSigner, verifier: TokenVerifier
):
    token = _issue(signer)
    verifier.verify(token)

    rotate(folder)
    rotate(folder)
    await keys.refresh()

    with pytest.raises(UnknownKey):
        verifier.verify(token)


async def test_an_unknown_key_is_looked_up_once_and_then_known(folder: Path, keys: LocalKeys):
    elsewhere = LocalKeys(folder)
    verifier = TokenVerifier(elsewhere, issuer="akin", audience="akin")
    rotate(folder)
    await keys.refresh()
    token = _sign(keys)
    with pytest.raises(UnknownKey):
        verifier.verify(token)

    assert (await verifier.resolve(token)).client_id == "c-1"
    assert verifier.verify(token).client_id == "c-1"


class _Counting:
    """Keys that know nothing and count how often they are asked to look again."""

    generation = 0

    def __init__(self, *, away: bool = False) -> None:
        self.refreshed = 0
        self.away = away

    def find(self, _kid: str) -> None:
        return None

    async def refresh(self) -> None:
        self.refreshed += 1
        await asyncio.sleep(0.01)
        if self.away:
            raise KeysUnavailable("Accounts is away.")


async def test_made_up_key_ids_do_not_make_us_fetch_again_and_again(keys: LocalKeys):
    counting = _Counting()
    verifier = TokenVerifier(counting, issuer="akin", audience="akin")

    made_up = [_sign(keys, headers={"kid": f"made-up-{n}"}) for n in range(20)]
    outcomes = await asyncio.gather(*map(verifier.resolve, made_up), return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {UnknownKey}
    assert counting.refreshed <= 2  # those at once share a fetch
    for token in made_up:
        with pytest.raises(UnknownKey):
            await verifier.resolve(token)
    assert (
        counting.refreshed <= tokens.REFRESH_BURST + 1
    )  # and those one after another soon have to


async def test_an_unknown_key_while_accounts_is_away_is_no_fault_of_the_token(keys: LocalKeys):
    verifier = TokenVerifier(_Counting(away=True), issuer="akin", audience="akin")

    with pytest.raises(KeysUnavailable):
        await verifier.resolve(_sign(keys))


def test_the_memory_of_verified_tokens_is_bounded(
    signer: TokenSigner, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tokens, "MAX_VERIFIED", 3)
    issued = [_issue(signer) for _ in range(5)]
    clients = [verifier.verify(token) for token in issued]

    assert verifier.verify(issued[4]) is clients[4]
    assert verifier.verify(issued[0]) is not clients[0]


def test_a_refused_token_is_not_remembered(keys: LocalKeys, verifier: TokenVerifier):
    token = _sign(keys, aud="another")
    for _ in range(2):
        with pytest.raises(InvalidToken):
            verifier.verify(token)


def test_other_curves_and_algorithms_are_not_accepted(keys: LocalKeys, verifier: TokenVerifier):
    other = jwk.construct(ec.generate_private_key(ec.SECP384R1()), "ES384")
    token = jwt.encode({"sub": "c-1"}, other, algorithm="ES384", headers={"kid": keys.signing()[0]})

    with pytest.raises(InvalidToken):
        verifier.verify(token)
