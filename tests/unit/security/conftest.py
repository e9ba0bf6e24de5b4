"""Keys in a folder of their own, a signer and a verifier that use them."""

from pathlib import Path

import pytest

from services.security import LocalKeys, TokenSigner, TokenVerifier


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(folder: Path) -> LocalKeys:
    return LocalKeys(folder)


@pytest.fixture
def signer(keys: LocalKeys) -> TokenSigner:
    return TokenSigner(keys, issuer="akin", audience="akin")


@pytest.fixture
def verifier(keys: LocalKeys) -> TokenVerifier:
    return TokenVerifier(keys, issuer="akin", audience="akin")
