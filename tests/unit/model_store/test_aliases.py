"""Promotion, history and rollback: the contract of the alias, on a folder and in memory."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator

import fsspec
import pytest

from services.model_store import (
    AliasEntry,
    AliasMoved,
    Manifest,
    ModelStore,
    NoEarlierVersion,
    UnknownVersion,
)

Publish = Callable[..., Manifest]


@pytest.fixture
def versions(publish: Publish) -> list[str]:
    return [publish(seed).version for seed in range(3)]


def promote(store: ModelStore, version: str, reason: str = "better") -> AliasEntry:
    current = store.current("default", "taste")
    expected = current.generation if current else None
    return store.promote("default", "taste", version, expected=expected, reason=reason)


def write_entry(url: str, generation: int, data: bytes) -> None:
    filesystem, root = fsspec.url_to_fs(url)
    folder = f"{root}/default/taste/aliases/champion"
    filesystem.makedirs(folder, exist_ok=True)
    filesystem.pipe_file(f"{folder}/{generation:08d}.json", data)


def read_entry(url: str, generation: int) -> bytes:
    filesystem, root = fsspec.url_to_fs(url)
    return bytes(
        filesystem.cat_file(f"{root}/default/taste/aliases/champion/{generation:08d}.json")
    )


def test_an_alias_that_was_never_moved_points_nowhere(store: ModelStore) -> None:
    assert store.current("default", "taste") is None
    assert store.history("default", "taste") == []


def test_a_promotion_moves_the_alias_and_is_remembered_with_its_reason(
    store: ModelStore, versions: list[str]
) -> None:
    first = promote(store, versions[0], "the first")
    second = promote(store, versions[1], "ndcg +3 %")

    assert (first.generation, second.generation) == (1, 2)
    assert store.current("default", "taste") == second
    assert store.history("default", "taste") == [second, first]
    assert second.version == versions[1]
    assert second.reason == "ndcg +3 %"
    assert second.at >= first.at


def test_a_version_succeeds_the_champion_only_if_it_is_better_and_nobody_was_faster(
    store: ModelStore, versions: list[str]
) -> None:
    def succeed(
        version: str, current: AliasEntry | None, *, better: bool = True
    ) -> tuple[bool, str]:
        return store.succeed("default", "taste", version, current, better=better, reason="it is so")

    assert succeed(versions[0], None, better=False) == (False, "it is so")
    assert store.current("default", "taste") is None
    assert succeed(versions[0], None) == (True, "it is so")
    assert succeed(versions[1], None)[0] is False  # somebody moved the alias meanwhile
    current = store.current("default", "taste")
    assert current is not None
    assert succeed(versions[0], current)[0] is False  # it serves already
    assert succeed(versions[1], current) == (True, "it is so")
    assert [each.version for each in store.history("default", "taste")] == versions[1::-1]


def test_aliases_models_and_workspaces_do_not_touch_each_other(
    store: ModelStore, publish: Publish, versions: list[str]
) -> None:
    publish(0, workspace="other")
    entry = promote(store, versions[0])
    canary = store.promote(
        "default", "taste", versions[1], expected=None, reason="try", alias="canary"
    )

    assert store.current("default", "taste") == entry
    assert store.current("default", "taste", alias="canary") == canary
    assert store.current("other", "taste") is None


@pytest.mark.parametrize("expected", [None, 0, 2, 99])
def test_a_promotion_on_an_outdated_view_is_refused(
    expected: int | None, store: ModelStore, versions: list[str]
) -> None:
    entry = promote(store, versions[0])

    with pytest.raises(AliasMoved):
        store.promote("default", "taste", versions[1], expected=expected, reason="late")
    assert store.history("default", "taste") == [entry]


def test_an_unknown_version_cannot_be_promoted(store: ModelStore) -> None:
    with pytest.raises(UnknownVersion):
        store.promote("default", "taste", "ab" * 8, expected=None, reason="")
    with pytest.raises(UnknownVersion):
        store.promote("default", "taste", "aliases", expected=None, reason="")
    assert store.current("default", "taste") is None


@pytest.fixture
def restless_threads() -> Iterator[None]:
    """Threads take turns every few bytecodes, so that a gap between looking and writing is found."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless_threads")
def test_of_concurrent_promotions_exactly_one_wins(url: str, versions: list[str]) -> None:
    for round_ in range(20):
        before = ModelStore(url).current("default", "taste")
        expected = before.generation if before else None
        won: list[AliasEntry] = []
        lost: list[AliasMoved] = []
        barrier = threading.Barrier(6)

        def race(
            number: int,
            expected: int | None = expected,
            barrier: threading.Barrier = barrier,
            won: list[AliasEntry] = won,
            lost: list[AliasMoved] = lost,
        ) -> None:
            store = ModelStore(url)
            barrier.wait()
            try:
                version = versions[number % 3]
                won.append(
                    store.promote("default", "taste", version, expected=expected, reason="race")
                )
            except AliasMoved as error:
                lost.append(error)

        threads = [threading.Thread(target=race, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (len(won), len(lost)) == (1, 5), f"round {round_}"
        assert ModelStore(url).current("default", "taste") == won[0]


@pytest.mark.parametrize(
    "left", [b"", b"{", b'{"version":"ab', b"\xff\xfe", b"null", b"[" * 100_000, b"half"]
)
def test_a_half_written_entry_neither_hides_the_alias_nor_blocks_the_next_promotion(
    left: bytes,
    store: ModelStore,
    url: str,
    versions: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = promote(store, versions[0])
    content = read_entry(url, 1)[:-3] if left == b"half" else left
    write_entry(url, 2, content)

    assert store.current("default", "taste") == first
    with caplog.at_level(logging.WARNING):
        assert store.history("default", "taste") == [first]
    assert "00000002.json" in caplog.text

    third = promote(store, versions[1])
    assert third.generation == 3
    assert store.current("default", "taste") == third
    assert store.rollback("default", "taste").version == versions[0]


def test_a_half_written_first_entry_does_not_block_the_first_promotion(
    store: ModelStore, url: str, versions: list[str]
) -> None:
    write_entry(url, 1, b'{"ver')

    assert store.current("default", "taste") is None
    assert promote(store, versions[0]).generation == 2


def test_an_entry_copied_to_another_generation_does_not_count(
    store: ModelStore, url: str, versions: list[str]
) -> None:
    promote(store, versions[0])
    second = promote(store, versions[1])
    write_entry(url, 9, read_entry(url, 1))

    assert store.current("default", "taste") == second


def test_foreign_files_beside_the_entries_are_ignored(
    store: ModelStore, url: str, versions: list[str]
) -> None:
    entry = promote(store, versions[0])
    filesystem, root = fsspec.url_to_fs(url)
    filesystem.pipe_file(f"{root}/default/taste/aliases/champion/README", b"hello")
    filesystem.pipe_file(f"{root}/default/taste/NOTES", b"hello")

    assert store.current("default", "taste") == entry
    assert len(store.versions("default", "taste")) == 3


# --- rollback ---


def test_a_rollback_goes_to_the_version_before_and_says_why(
    store: ModelStore, versions: list[str]
) -> None:
    promote(store, versions[0])
    promote(store, versions[1])

    entry = store.rollback("default", "taste", reason="worse in the evening")

    assert (entry.version, entry.generation) == (versions[0], 3)
    assert store.current("default", "taste") == entry
    assert store.history("default", "taste")[0].reason == "worse in the evening"


def test_a_rollback_without_a_reason_names_what_was_left(
    store: ModelStore, versions: list[str]
) -> None:
    promote(store, versions[0])
    promote(store, versions[1])

    assert versions[1] in store.rollback("default", "taste").reason


def test_a_second_rollback_goes_further_back_not_forward_again(
    store: ModelStore, versions: list[str]
) -> None:
    for version in versions:
        promote(store, version)

    assert store.rollback("default", "taste").version == versions[1]
    assert store.rollback("default", "taste").version == versions[0]
    with pytest.raises(NoEarlierVersion):
        store.rollback("default", "taste")


def test_promoting_the_same_version_again_does_not_spoil_the_rollback(
    store: ModelStore, versions: list[str]
) -> None:
    for version in (versions[0], versions[1], versions[1]):
        promote(store, version)

    assert store.rollback("default", "taste").version == versions[0]


def test_a_rollback_goes_to_a_named_version(store: ModelStore, versions: list[str]) -> None:
    for version in versions:
        promote(store, version)

    assert store.rollback("default", "taste", to=versions[0]).version == versions[0]
    with pytest.raises(UnknownVersion):
        store.rollback("default", "taste", to="ab" * 8)
    assert len(store.history("default", "taste")) == 4


def test_with_one_version_or_none_there_is_nothing_to_roll_back_to(
    store: ModelStore, versions: list[str]
) -> None:
    with pytest.raises(NoEarlierVersion):
        store.rollback("default", "taste")
    promote(store, versions[0])
    with pytest.raises(NoEarlierVersion, match="name one"):
        store.rollback("default", "taste")
