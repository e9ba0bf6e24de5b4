"""Any fsspec filesystem with exclusive creation: S3, Google Cloud Storage, Azure, or this process's memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem

from services.model_store.errors import StoreUnavailable
from services.model_store.files import Part

# fsspec's memory filesystem looks first and writes then; object stores decide by themselves.
_creating = threading.Lock()


class RemoteFiles:
    """Implements `Files`. Files are read into memory: a model is some tens of megabytes, and read once."""

    def __init__(self, filesystem: AbstractFileSystem, root: str) -> None:
        if type(filesystem).pipe_file is AbstractFileSystem.pipe_file and not isinstance(
            filesystem, AsyncFileSystem
        ):
            raise ValueError(
                f"The filesystem {type(filesystem).__name__} cannot create a file exclusively, "
                "so that two promotions at once could both win; use a folder or an object store."
            )
        self._filesystem = filesystem
        self._root = root.rstrip("/")

    def names(self, folder: str) -> list[str]:
        path = self._path(folder)
        with _reaching():
            self._filesystem.invalidate_cache(path)  # other processes write, too
            try:
                found = self._filesystem.ls(path, detail=False)
            except FileNotFoundError:
                return []
        names = {entry.rstrip("/").rpartition("/")[2] for entry in found if entry != path + "/"}
        return sorted(names)

    def read(self, path: str, *, limit: int) -> bytes:
        source = self._path(path)
        with _reaching(FileNotFoundError):
            try:
                return bytes(self._filesystem.cat_file(source, start=0, end=limit))
            except Exception:  # an edge: S3 refuses to read a range of an empty file
                if self._filesystem.info(source)["size"] == 0:
                    return b""
                raise

    def content(self, path: str) -> bytes:
        with _reaching(FileNotFoundError):
            return bytes(self._filesystem.cat_file(self._path(path)))

    def write(self, path: str, parts: Iterable[Part]) -> None:
        with _reaching():
            self._filesystem.pipe_file(self._path(path), b"".join(parts))

    def create(self, path: str, data: bytes) -> None:
        target = self._path(path)
        with _reaching(FileExistsError), _creating:
            try:
                self._filesystem.pipe_file(target, data, mode="create")
            except (
                Exception
            ) as error:  # an edge: each filesystem has its own word for "exists already"
                self._filesystem.invalidate_cache(target)
                if self._filesystem.exists(target):
                    raise FileExistsError(target) from error
                raise

    def remove(self, folder: str) -> None:
        with _reaching():
            self._filesystem.invalidate_cache()
            try:
                self._filesystem.rm(self._path(folder), recursive=True)
            except FileNotFoundError:
                return

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}"


@contextmanager
def _reaching(*passing: type[OSError]) -> Iterator[None]:
    try:
        yield
    except passing:
        raise
    except Exception as error:  # an edge: filesystems raise their client libraries' own errors
        raise StoreUnavailable(error) from error
