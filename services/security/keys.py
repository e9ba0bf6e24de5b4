"""The keys that tokens are signed with: a folder of PEM files, and their public halves as a JWKS.

Files sort by age: the last name signs, all of them verify. `rotate` adds the next number and keeps
the one before, so that tokens which are still valid can be verified until they expire.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import uuid
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwk

from services.away import Away
from services.repeating import repeating

log = logging.getLogger(__name__)

ALGORITHM = "ES256"
FIRST = "0001.pem"  # one name for the first key: of two processes that start at once, one makes it
KEPT = 2  # keys in the folder after a rotation: the one that signs and the one before
REFRESH_INTERVAL = 60.0  # seconds; after that a key that was taken away no longer verifies anything


class KeysUnavailable(Away):
    """The keys could not be read or fetched just now; the same call may be repeated."""


class Keys(Protocol):
    """Public keys by id, from wherever they are."""

    generation: int
    """Grows when a key is taken away: what was verified before has to be verified again."""

    def find(self, kid: str) -> Any | None:
        """Return the key with this id as python-jose takes it, None if there is none."""

    async def refresh(self) -> None:
        """Read the keys again. Raises `KeysUnavailable`; the known ones stay then."""


def thumbprint(public: Mapping[str, str]) -> str:
    """Return the id of a public EC key. Source: RFC 7638, §3."""
    members = {name: public[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    return urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()


class LocalKeys:
    """The private keys in `folder`; accounts signs with them, and a service beside it may verify.

    Raises:
        KeysUnavailable: the folder has a file that is not an unencrypted P-256 key.
    """

    def __init__(self, folder: Path) -> None:
        self.generation = 0
        self._folder = folder
        _ensure_first(folder)
        self._private = _load(folder)
        self._public = {kid: key.public_key() for kid, key in self._private.items()}

    def signing(self) -> tuple[str, Any]:
        """Return the id and the private key that signs."""
        return next(reversed(self._private.items()))

    def find(self, kid: str) -> Any | None:
        """Return the public key with this id."""
        return self._public.get(kid)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys, newest first. Source: RFC 7517, §5."""
        return {
            "keys": [
                key.to_dict() | {"kid": kid, "use": "sig"}
                for kid, key in reversed(self._public.items())
            ]
        }

    async def refresh(self) -> None:
        """Read the folder again."""
        private = await asyncio.to_thread(_load, self._folder)
        if self._private.keys() - private.keys():
            self.generation += 1
        self._private = private
        self._public = {kid: key.public_key() for kid, key in private.items()}


def rotate(folder: Path) -> Path:
    """Add a key to `folder`, which signs from now on, and return its file; the oldest go.

    Rotate at most once in the lifetime of a token: the second rotation ends the first one's tokens.
    """
    _ensure_first(folder)
    names = sorted(folder.glob("*.pem"))
    number = 1 + max((int(name.stem) for name in names if name.stem.isdecimal()), default=0)
    added = folder / f"{number:04d}.pem"
    if not _write_key(added):
        raise FileExistsError(f"Another rotation has just made {added.name}.")
    for old in sorted(folder.glob("*.pem"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return added


@asynccontextmanager
async def keep_fresh(keys: Keys, *, interval: float = REFRESH_INTERVAL) -> AsyncIterator[None]:
    """Read `keys` again now and every `interval` seconds, until the end of the block."""

    async def refresh() -> None:
        try:
            await keys.refresh()
        except KeysUnavailable as error:
            log.warning("The keys could not be refreshed.", extra={"reason": str(error)})

    async with repeating(refresh, interval=interval):
        yield


def _ensure_first(folder: Path) -> None:
    if folder.is_dir() and any(folder.glob("*.pem")):
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_key(folder / FIRST)
    except OSError as error:
        raise KeysUnavailable(f"No key in {folder}, and none could be made: {error}.") from error


def _write_key(path: Path) -> bool:
    """Make a key at `path`, readable by its owner alone; False if there is one already."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # Written aside and linked: the name appears with the whole key in it, or not at all.
    aside = path.with_name(f".{uuid.uuid4().hex}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(aside)
    except FileExistsError:
        return False
    finally:
        aside.unlink()
    return True


def _load(folder: Path) -> dict[str, Any]:
    keys = {}
    try:
        for path in sorted(folder.glob("*.pem")):
            key = _load_one(path)
            keys[thumbprint(key.public_key().to_dict())] = key
    except OSError as error:
        raise KeysUnavailable(f"The key folder cannot be read: {error}.") from error
    if not keys:
        raise KeysUnavailable(f"There is no key in {folder}.")
    return keys


def _load_one(path: Path) -> Any:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        # The parser's own words stay out: they may quote the file.
        raise KeysUnavailable(f"{path.name} is not an unencrypted P-256 private key in PEM.")
    return jwk.construct(key, ALGORITHM)
