"""What fsspec's filesystems do differently: words for "exists already", repeated requests, lack of exclusive creation."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from services.model_store import AliasMoved, Manifest, ModelStore, StoreUnavailable

Publish = Callable[..., Manifest]


class LibraryError(Exception):
    """Object stores' client libraries raise errors of their own, which are no OSError."""


class ObjectStore(MemoryFileSystem):
    """An object store's manners on top of memory: refusals in its own words, answers that get lost."""

    protocol = "objects"
    away = False
    forgetful = (
        False  # the file is created, the answer is lost, the client library repeats the request
    )

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        if type(self).away:
            raise LibraryError("endpoint does not answer")
        if mode == "create" and self.exists(path):
            raise LibraryError("PreconditionFailed")
        super().pipe_file(path, value, **kwargs)
        if mode == "create" and type(self).forgetful:
            raise LibraryError("PreconditionFailed")

    def cat_file(self, path: str, start: Any = None, end: Any = None, **kwargs: Any) -> bytes:
        if start is not None and self.exists(path) and self.size(path) == 0:
            raise LibraryError("InvalidRange")
        return super().cat_file(path, start, end, **kwargs)

    def ls(self, path: str, **kwargs: Any) -> Any:
        if type(self).away:
            raise LibraryError("endpoint does not answer")
        return super().ls(path, **kwargs)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    fsspec.register_implementation("objects", ObjectStore, clobber=True)
    monkeypatch.setattr(ObjectStore, "away", False)
    monkeypatch.setattr(ObjectStore, "forgetful", False)
    root = f"/akin-{uuid.uuid4().hex}"
    yield f"objects:/{root}"
    monkeypatch.undo()
    for path in [path for path in ObjectStore.store if path.startswith(root)]:
        del ObjectStore.store[path]


def test_a_refusal_in_the_librarys_own_words_is_understood(
    store: ModelStore, publish: Publish
) -> None:
    published = publish()
    entry = store.promote("default", "taste", published.version, expected=None, reason="first")

    assert publish() == published
    with pytest.raises(AliasMoved):
        store.promote("default", "taste", published.version, expected=None, reason="second")
    assert store.current("default", "taste") == entry


def test_our_own_request_repeated_after_a_lost_answer_still_wins(
    store: ModelStore, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ObjectStore, "forgetful", True)

    published = publish()
    entry = store.promote("default", "taste", published.version, expected=None, reason="first")

    assert store.manifest("default", "taste", published.version) == published
    assert store.current("default", "taste") == entry


def test_an_empty_entry_of_which_no_range_can_be_read_is_passed_over(
    store: ModelStore, url: str, publish: Publish
) -> None:
    version = publish().version
    first = store.promote("default", "taste", version, expected=None, reason="first")
    filesystem, root = fsspec.url_to_fs(url)
    filesystem.pipe_file(f"{root}/default/taste/aliases/champion/00000002.json", b"")

    assert store.current("default", "taste") == first
    assert store.promote("default", "taste", version, expected=1, reason="next").generation == 3


def test_any_error_of_the_library_means_that_the_store_is_away(
    store: ModelStore, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = publish().version
    monkeypatch.setattr(ObjectStore, "away", True)

    with pytest.raises(StoreUnavailable, match="LibraryError: endpoint does not answer"):
        store.current("default", "taste")
    with pytest.raises(StoreUnavailable):
        publish(2)

    monkeypatch.setattr(ObjectStore, "away", False)
    assert store.load("default", "taste", version).manifest.version == version


def test_a_filesystem_without_exclusive_creation_is_refused() -> None:
    class Plain(fsspec.AbstractFileSystem):
        protocol = "plain"

    fsspec.register_implementation("plain", Plain, clobber=True)
    with pytest.raises(ValueError, match="cannot create a file exclusively"):
        ModelStore("plain://somewhere")


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        ModelStore("nonsense://somewhere")
