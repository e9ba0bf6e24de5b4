"""What is known of a version: where it comes from, how good it is, which files it has. Every byte of it is checked."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any

import msgspec
import numpy as np

from services.model_store.errors import DamagedVersion
from services.model_store.names import NAME

MANIFEST = "manifest.json"
MAX_MANIFEST = (
    1_048_576  # bytes; a manifest has a few kB, and what is far larger is not read at all
)
VERSION_DIGITS = 16  # hex digits, 64 bits: short enough to type; a collision is noticed and refused

Name = Annotated[str, msgspec.Meta(pattern=NAME)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class FileEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file must be like."""

    sha256: Sha256
    size: Count = msgspec.field(name="bytes")


class Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the model was trained on; `start` and `end` (None: no rows) are `from` and `to` in the file."""

    start: Moment | None = msgspec.field(name="from")
    end: Moment | None = msgspec.field(name="to")
    rows: Count
    users: Count
    items: Count
    sha256: Sha256


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What training says of a version. The dicts hold what JSON can hold, and NumPy's numbers."""

    code_version: str
    data: Data
    parameters: dict[str, Any]  # of training
    serving: dict[str, Any]  # what the scorer needs beside the arrays, "kind" included
    metrics: dict[str, Any]
    protocol: dict[str, Any]  # how the metrics were measured


class Manifest(Draft, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The draft, and what the store adds. `checksum` is over all the rest of it."""

    workspace: Name
    name: Name
    version: str
    created_at: Moment
    files: dict[Name, FileEntry]
    checksum: str = ""

    @property
    def path(self) -> str:
        """The version's folder, relative to the store."""
        return f"{self.workspace}/{self.name}/{self.version}"


def seal(
    draft: Draft, *, workspace: str, name: str, files: dict[str, FileEntry], created_at: datetime
) -> Manifest:
    """Return the manifest as it will be read back: with version and checksum, tuples as lists.

    Raises:
        ValueError: the draft holds what JSON cannot (NaN, infinity, objects) or a count below zero.
    """
    given = {field: getattr(draft, field) for field in draft.__struct_fields__}
    manifest = Manifest(
        **given, workspace=workspace, name=name, version="", created_at=created_at, files=files
    )
    try:
        manifest = msgspec.structs.replace(manifest, version=digest(manifest)[:VERSION_DIGITS])
        return decode(encode(manifest), where=manifest.path)
    except (DamagedVersion, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"The manifest cannot be stored: {error}") from error


def digest(manifest: Manifest) -> str:
    """Return the SHA-256 of all that makes the version what it is: files, parameters, data and code.

    Not of the metrics, the protocol and the time: training again on the same input gives the same version.
    """
    given = {
        "files": {name: entry.sha256 for name, entry in manifest.files.items()},
        "parameters": manifest.parameters,
        "serving": manifest.serving,
        "data": manifest.data.sha256,
        "code_version": manifest.code_version,
    }
    return hashlib.sha256(_json(given)).hexdigest()


def encode(manifest: Manifest) -> bytes:
    """Return the bytes of `manifest.json`: indented, keys sorted, with the checksum computed anew."""
    content = msgspec.structs.replace(manifest, checksum="")
    checksum = hashlib.sha256(_json(content)).hexdigest()
    return _json(msgspec.structs.replace(manifest, checksum=checksum))


def decode(data: bytes, *, where: str) -> Manifest:
    """Return the manifest. Any byte that `encode` would have written differently makes it damaged.

    Raises:
        DamagedVersion: with `where`, the version's folder, in its sentence.
    """
    if len(data) > MAX_MANIFEST:
        raise DamagedVersion(where, MANIFEST, f"has more than {MAX_MANIFEST:,} bytes")
    try:
        manifest = _decoder.decode(data)
        untouched = encode(manifest) == data
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise DamagedVersion(where, MANIFEST, f"cannot be read ({error})") from error
    if not untouched:
        raise DamagedVersion(where, MANIFEST, "does not match its own checksum")
    if manifest.version != digest(manifest)[:VERSION_DIGITS]:
        raise DamagedVersion(where, MANIFEST, "describes other content than its version's")
    return manifest


_decoder = msgspec.json.Decoder(Manifest)


def _json(value: Any) -> bytes:
    plain = msgspec.to_builtins(value, enc_hook=_number)
    text = json.dumps(plain, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False)
    return text.encode() + b"\n"


def _number(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")
