"""The few things that the store does with files; `local.py` and `remote.py` implement them."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from typing import Protocol

Content = bytes | mmap.mmap
Part = bytes | memoryview


class Files(Protocol):
    """Paths are relative to the store, with slashes. Every call may raise `StoreUnavailable`."""

    def names(self, folder: str) -> list[str]:
        """Return the names of the files and folders in it, sorted; none when it does not exist."""

    def read(self, path: str, *, limit: int) -> bytes:
        """Return at most `limit` bytes from the beginning; raises FileNotFoundError."""

    def content(self, path: str) -> Content:
        """Return all of it, mapped where that is possible; raises FileNotFoundError."""

    def write(self, path: str, parts: Iterable[Part]) -> None:
        """Write or replace; a reader sees the old file, none, or the whole new one."""

    def create(self, path: str, data: bytes) -> None:
        """Write, durably, a file that does not exist yet; raises FileExistsError, for all callers but one.

        What was written before by the same caller in the same folder is durable, too, before this file appears.
        """

    def remove(self, folder: str) -> None:
        """Remove it with all that is in it, if it exists."""
