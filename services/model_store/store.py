"""The model store: publish, load, promote, roll back. Synchronous; from a coroutine call it by `asyncio.to_thread`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem
from numpy.typing import NDArray

from services.model_store.aliases import AliasEntry, AliasLog, previous
from services.model_store.contents import LoadedVersion, describe, from_files, to_files
from services.model_store.errors import (
    ERRORS,
    AliasMoved,
    DamagedVersion,
    NoEarlierVersion,
    UnknownVersion,
    VersionTaken,
)
from services.model_store.files import Files, Part
from services.model_store.local import LocalFiles
from services.model_store.manifest import (
    MANIFEST,
    MAX_MANIFEST,
    Draft,
    Manifest,
    decode,
    digest,
    encode,
    seal,
)
from services.model_store.names import check_name, is_name, is_version
from services.model_store.remote import RemoteFiles

CHAMPION = "champion"
ALIASES = "aliases"

logger = logging.getLogger(__name__)


class ModelStore:
    """Models of all workspaces below one URL: `file:///…`, `s3://…` or any that fsspec knows.

    Making it connects to nothing. Every method may raise `StoreUnavailable`, and `InvalidName`.

    Raises:
        ImportError: the URL's scheme needs a package that is not installed; the sentence names it.
        ValueError: the scheme is unknown, or its filesystem has no exclusive creation.
    """

    def __init__(self, url: str) -> None:
        self._files = _open(url)

    def publish(
        self,
        workspace: str,
        name: str,
        *,
        arrays: Mapping[str, NDArray[Any]],
        manifest: Draft,
        files: Mapping[str, bytes] | None = None,
    ) -> Manifest:
        """Store a version and return its manifest; the one stored before when the same content was published before.

        Raises:
            ValueError: an array of objects or text, a draft that is not JSON, a file named like an array.
            VersionTaken: other content has the same id.
            DamagedVersion: the same content was published, and its manifest was damaged since.
        """
        contents = to_files(arrays, files or {})
        sealed = seal(
            manifest,
            workspace=check_name("workspace", workspace),
            name=check_name("model name", name),
            files={file: describe(parts) for file, parts in contents.items()},
            created_at=datetime.now(UTC),
        )
        try:
            return self._same(sealed)
        except UnknownVersion:
            return self._write(sealed, contents)

    def load(self, workspace: str, name: str, version: str) -> LoadedVersion:
        """Return the version, after the SHA-256 of each of its files was found as published.

        Raises:
            UnknownVersion: there is none.
            DamagedVersion: a file is missing, additional, truncated, tampered with or holds objects.
        """
        with _counted():
            return from_files(self.manifest(workspace, name, version), self._files)

    def manifest(self, workspace: str, name: str, version: str) -> Manifest:
        """Return what is known of the version, without reading its arrays.

        Raises:
            UnknownVersion: there is none.
            DamagedVersion: its manifest is not as published.
        """
        folder = f"{_model(workspace, name)}/{check_name('version', version)}"
        try:
            data = self._files.read(f"{folder}/{MANIFEST}", limit=MAX_MANIFEST + 1)
        except FileNotFoundError as error:
            raise UnknownVersion(folder) from error
        manifest = decode(data, where=folder)
        if manifest.path != folder:
            raise DamagedVersion(folder, MANIFEST, f"is that of {manifest.path}")
        return manifest

    def versions(self, workspace: str, name: str) -> list[Manifest]:
        """Return all versions, newest first. Those with a damaged manifest are left out, counted and logged."""
        found = []
        for version in self._files.names(_model(workspace, name)):
            if not is_version(version):
                continue
            try:
                with _counted():
                    found.append(self.manifest(workspace, name, version))
            except (UnknownVersion, DamagedVersion):  # being published just now; reported
                continue
        return sorted(found, key=lambda manifest: manifest.created_at, reverse=True)

    def names(self, workspace: str) -> list[str]:
        """Return the names of the workspace's models, sorted."""
        return list(filter(is_name, self._files.names(check_name("workspace", workspace))))

    def current(self, workspace: str, name: str, *, alias: str = CHAMPION) -> AliasEntry | None:
        """Return where the alias points; None when it was never moved."""
        return self._log(workspace, name, alias).current()

    def history(self, workspace: str, name: str, *, alias: str = CHAMPION) -> list[AliasEntry]:
        """Return every move of the alias with its reason, newest first."""
        return self._log(workspace, name, alias).history()

    def promote(
        self,
        workspace: str,
        name: str,
        version: str,
        *,
        expected: int | None,
        reason: str,
        alias: str = CHAMPION,
    ) -> AliasEntry:
        """Point the alias to the version, if its generation still is `expected` (None: it points nowhere yet).

        Raises:
            AliasMoved: somebody else was first; nothing was changed.
            UnknownVersion, DamagedVersion: the version cannot be promoted.
        """
        self.manifest(workspace, name, version)
        return self._log(workspace, name, alias).append(version, expected=expected, reason=reason)

    def succeed(
        self,
        workspace: str,
        name: str,
        version: str,
        current: AliasEntry | None,
        *,
        better: bool,
        reason: str,
    ) -> tuple[bool, str]:
        """Let the version serve if it is better, and the champion still is `current`; return whether, and why."""
        if current is not None and current.version == version:
            return False, "Nothing has changed: this version serves already."
        if not better:
            return False, reason
        expected = current.generation if current else None
        try:
            self.promote(workspace, name, version, expected=expected, reason=reason)
        except AliasMoved:
            return False, "Somebody else moved the alias meanwhile; what it names now stays."
        return True, reason

    def rollback(
        self,
        workspace: str,
        name: str,
        *,
        to: str | None = None,
        reason: str | None = None,
        alias: str = CHAMPION,
    ) -> AliasEntry:
        """Point the alias to `to`, or to the version before the present one; again, to the one before that.

        Raises:
            NoEarlierVersion: there is none, and `to` was not given.
            AliasMoved, UnknownVersion, DamagedVersion: as `promote`.
        """
        moves = self.history(workspace, name, alias=alias)
        target = to or previous(moves)
        if target is None:
            raise NoEarlierVersion(_model(workspace, name))
        present = moves[0] if moves else None
        return self.promote(
            workspace,
            name,
            target,
            expected=present.generation if present else None,
            reason=reason or f"Rolled back from {present.version if present else 'nothing'}.",
            alias=alias,
        )

    def delete_workspace(self, workspace: str) -> None:
        """Remove every model of the workspace; what is loaded stays usable. Nothing there: nothing happens."""
        self._files.remove(check_name("workspace", workspace))

    def _log(self, workspace: str, name: str, alias: str) -> AliasLog:
        folder = f"{_model(workspace, name)}/{ALIASES}/{check_name('alias', alias)}"
        return AliasLog(self._files, folder)

    def _same(self, manifest: Manifest) -> Manifest:
        published = self.manifest(manifest.workspace, manifest.name, manifest.version)
        if digest(published) != digest(manifest):
            raise VersionTaken(manifest.path)
        return published

    def _write(self, manifest: Manifest, contents: Mapping[str, Iterable[Part]]) -> Manifest:
        for file, parts in contents.items():
            self._files.write(f"{manifest.path}/{file}", parts)
        try:
            self._files.create(f"{manifest.path}/{MANIFEST}", encode(manifest))
        except FileExistsError:  # another machine has just published the same
            return self._same(manifest)
        return manifest


def _open(url: str) -> Files:
    filesystem, root = url_to_fs(url)
    if isinstance(filesystem, LocalFileSystem):
        return LocalFiles(Path(root))
    return RemoteFiles(filesystem, root)


def _model(workspace: str, name: str) -> str:
    return f"{check_name('workspace', workspace)}/{check_name('model name', name)}"


@contextmanager
def _counted() -> Iterator[None]:
    try:
        yield
    except DamagedVersion as error:
        ERRORS.labels("damaged").inc()
        logger.error("%s", error, extra={"version": error.version, "file": error.file})
        raise
