"""A folder: durable by fsync, atomic for readers by rename and hard link, mapped into memory for reading."""

from __future__ import annotations

import mmap
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.model_store.errors import StoreUnavailable
from services.model_store.files import Content, Part

INCOMING = ".incoming"  # no workspace starts with a dot
STALE = 86_400  # seconds; no upload takes a day, so what lies longer was left by a crash
MODE = 0o444  # a published file never changes; mkstemp's 0600 would hide it from services of other users


class LocalFiles:
    """Implements `Files` on a folder of a POSIX file system that has hard links."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self, folder: str) -> list[str]:
        with _reaching():
            try:
                return sorted(path.name for path in (self._root / folder).iterdir())
            except FileNotFoundError:
                return []

    def read(self, path: str, *, limit: int) -> bytes:
        with _reaching(FileNotFoundError), (self._root / path).open("rb") as file:
            return file.read(limit)

    def content(self, path: str) -> Content:
        target = self._root / path
        with _reaching(FileNotFoundError):
            if not target.is_file():
                raise FileNotFoundError(target)
            with target.open("rb") as file:
                if os.fstat(file.fileno()).st_size == 0:  # nothing cannot be mapped
                    return b""
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def write(self, path: str, parts: Iterable[Part]) -> None:
        target = self._root / path
        with _reaching(), self._incoming(parts) as ready:
            target.parent.mkdir(parents=True, exist_ok=True)
            ready.replace(target)

    def create(self, path: str, data: bytes) -> None:
        target = self._root / path
        with _reaching(FileExistsError), self._incoming([data]) as ready:
            target.parent.mkdir(parents=True, exist_ok=True)
            _sync(target.parent)
            target.hardlink_to(ready)  # unlike a rename, refuses when the target exists
            for folder in target.parents:
                _sync(folder)
                if folder == self._root:
                    break

    def remove(self, folder: str) -> None:
        with _reaching():
            if not (self._root / folder).is_dir():
                return
            waste = self._incoming_folder() / uuid.uuid4().hex
            (self._root / folder).rename(waste)  # gone for readers at once, all of it
            _sync((self._root / folder).parent)
            shutil.rmtree(waste, ignore_errors=True)  # what stays is taken as stale later

    @contextmanager
    def _incoming(self, parts: Iterable[Part]) -> Iterator[Path]:
        path = self._incoming_folder() / uuid.uuid4().hex
        try:
            with path.open("xb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fchmod(file.fileno(), MODE)
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _incoming_folder(self) -> Path:
        folder = self._root / INCOMING
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            _sync(self._root.parent)
        for left in folder.iterdir():
            _remove_if_stale(left)
        return folder


@contextmanager
def _reaching(*passing: type[OSError]) -> Iterator[None]:
    try:
        yield
    except passing:
        raise
    except OSError as error:
        raise StoreUnavailable(error) from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_if_stale(path: Path) -> None:
    try:
        if time.time() - path.lstat().st_mtime < STALE:
            return
    except FileNotFoundError:  # its owner has just finished with it
        return
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
