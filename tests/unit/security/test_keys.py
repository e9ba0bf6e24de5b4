import asyncio
import base64
import hashlib
import multiprocessing
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.security.keys import KeysUnavailable, LocalKeys, keep_fresh, rotate, thumbprint


def test_the_first_start_makes_one_key_that_only_its_owner_reads(folder: Path):
    LocalKeys(folder)

    (file,) = folder.iterdir()
    assert file.name == "0001.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_second_start_keeps_the_key(folder: Path):
    first = LocalKeys(folder).signing()[0]

    assert LocalKeys(folder).signing()[0] == first


def _start(folder: Path, barrier, answers) -> None:
    barrier.wait()
    answers.put(LocalKeys(folder).signing()[0])


def test_processes_that_start_at_once_agree_on_one_key(folder: Path):
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_start, args=(folder, barrier, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    kids = {answers.get(timeout=20) for _ in processes}
    for process in processes:
        process.join()

    assert len(kids) == 1
    assert [file.name for file in folder.iterdir()] == ["0001.pem"]


def test_the_jwks_holds_public_members_alone(keys: LocalKeys):
    (entry,) = keys.jwks()["keys"]

    assert entry.keys() == {"kty", "crv", "x", "y", "alg", "use", "kid"}
    assert (entry["kty"], entry["crv"], entry["alg"]) == ("EC", "P-256", "ES256")


def test_the_key_id_is_the_thumbprint_of_rfc_7638():
    # The members in lexicographic order, without spaces, as the RFC's section 3.2 writes them.
    canonical = b'{"crv":"P-256","kty":"EC","x":"one","y":"two"}'
    public = {"kty": "EC", "y": "two", "x": "one", "crv": "P-256", "use": "sig"}

    padded = thumbprint(public) + "="
    assert padded.replace("-", "+").replace("_", "/").encode() == _base64(canonical)


def _base64(data: bytes) -> bytes:
    return base64.b64encode(hashlib.sha256(data).digest())


async def test_after_a_rotation_the_new_key_signs_and_both_are_published(
    folder: Path, keys: LocalKeys
):
    old = keys.signing()[0]

    added = rotate(folder)
    await keys.refresh()

    assert added.name == "0002.pem"
    assert stat.S_IMODE(added.stat().st_mode) == 0o600
    assert keys.signing()[0] != old
    assert [entry["kid"] for entry in keys.jwks()["keys"]] == [keys.signing()[0], old]
    assert keys.find(old) is not None


async def test_a_second_rotation_takes_the_oldest_key_away(folder: Path, keys: LocalKeys):
    oldest = keys.signing()[0]

    rotate(folder)
    rotate(folder)
    await keys.refresh()

    assert sorted(file.name for file in folder.iterdir()) == ["0002.pem", "0003.pem"]
    assert keys.find(oldest) is None
    assert keys.generation == 1


def test_the_name_that_sorts_last_signs(folder: Path, keys: LocalKeys):
    (folder / "2026-11-22.pem").write_bytes((folder / "0001.pem").read_bytes())
    (folder / "0001.pem").unlink()
    given = LocalKeys(folder).signing()[0]

    (folder / "2027-01-01.pem").write_bytes(_pem(ec.generate_private_key(ec.SECP256R1())))

    assert LocalKeys(folder).signing()[0] != given


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        None,
    ],
)
def test_a_file_that_is_no_p256_key_is_named(folder: Path, content: bytes | None):
    folder.mkdir()
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "0001.pem").write_bytes(_pem(other) if content is None else content)

    with pytest.raises(KeysUnavailable, match=r"0001\.pem is not an unencrypted P-256"):
        LocalKeys(folder)


async def test_a_folder_that_went_bad_leaves_the_known_keys(folder: Path, keys: LocalKeys):
    kid = keys.signing()[0]
    (folder / "0002.pem").write_bytes(b"half a k")

    with pytest.raises(KeysUnavailable):
        await keys.refresh()

    assert keys.signing()[0] == kid


def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(KeysUnavailable, match="No key in"):
        LocalKeys(tmp_path / "file" / "keys")


async def test_kept_fresh_keys_learn_of_a_rotation_by_themselves(folder: Path, keys: LocalKeys):
    old = keys.signing()[0]
    async with keep_fresh(keys, interval=0.01):
        rotate(folder)
        async with asyncio.timeout(5):
            while keys.signing()[0] == old:
                await asyncio.sleep(0.01)


def test_keys_do_not_show_themselves(keys: LocalKeys):
    assert "PRIVATE" not in repr(keys) + repr(keys.signing())


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
