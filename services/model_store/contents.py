"""From arrays and bytes to files, and back after a check."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from services.model_store import arrays as npy
from services.model_store.errors import DamagedVersion
from services.model_store.files import Content, Files, Part
from services.model_store.manifest import MANIFEST, FileEntry, Manifest
from services.model_store.names import check_name

ARRAY = ".npy"


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A version whose every file was verified. The arrays are read-only, and mapped from disk in a local store."""

    manifest: Manifest
    arrays: Mapping[str, NDArray[Any]]
    files: Mapping[str, bytes]


def to_files(
    arrays: Mapping[str, NDArray[Any]], files: Mapping[str, bytes]
) -> dict[str, tuple[Part, ...]]:
    """Return the bytes of each file by its name; an array's are not copied.

    Raises:
        ValueError: an array of objects or text, or a file named like an array or the manifest.
    """
    contents: dict[str, tuple[Part, ...]] = {}
    for file, data in files.items():
        if file == MANIFEST or file.endswith(ARRAY):
            raise ValueError(f"A file may not be named {file}.")
        contents[check_name("file name", file)] = (data,)
    for name, array in arrays.items():
        try:
            contents[check_name("array name", name + ARRAY)] = npy.encode(array)
        except ValueError as error:
            raise ValueError(f"Array {name}: {error}") from error
    return contents


def describe(parts: Iterable[Part]) -> FileEntry:
    """Return what the manifest says of a file with these bytes."""
    sha256, size = hashlib.sha256(), 0
    for part in parts:
        sha256.update(part)
        size += len(part)
    return FileEntry(sha256=sha256.hexdigest(), size=size)


def from_files(manifest: Manifest, files: Files) -> LoadedVersion:
    """Read and verify every file of the version.

    Raises:
        DamagedVersion: a file is missing, additional, truncated, tampered with or holds objects.
    """
    extra = set(files.names(manifest.path)) - {MANIFEST} - set(manifest.files)
    if extra:
        raise DamagedVersion(manifest.path, min(extra), "does not belong to it")
    arrays: dict[str, NDArray[Any]] = {}
    others: dict[str, bytes] = {}
    for file in manifest.files:
        content = _verified(manifest, file, files)
        if file.endswith(ARRAY):
            arrays[file.removesuffix(ARRAY)] = _array(manifest, file, content)
        else:
            others[file] = content[:]
    return LoadedVersion(manifest, arrays, others)


def _verified(manifest: Manifest, file: str, files: Files) -> Content:
    promised = manifest.files[file]
    try:
        content = files.content(f"{manifest.path}/{file}")
    except FileNotFoundError as error:
        raise DamagedVersion(manifest.path, file, "is missing") from error
    if len(content) != promised.size:
        problem = f"has {len(content):,} bytes instead of {promised.size:,}"
        raise DamagedVersion(manifest.path, file, problem)
    if hashlib.sha256(content).hexdigest() != promised.sha256:
        raise DamagedVersion(manifest.path, file, "is not what was published (SHA-256)")
    return content


def _array(manifest: Manifest, file: str, content: Content) -> NDArray[Any]:
    try:
        return npy.decode(content)
    except ValueError as error:
        raise DamagedVersion(manifest.path, file, str(error)) from error
