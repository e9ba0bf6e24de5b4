"""The contract of the store, passed by a folder and by fsspec's memory filesystem."""

from __future__ import annotations

import threading
from collections.abc import Callable

import fsspec
import numpy as np
import pytest
from prometheus_client import REGISTRY

from services.model_store import (
    DamagedVersion,
    Draft,
    FileEntry,
    InvalidName,
    Manifest,
    ModelStore,
    UnknownVersion,
    VersionTaken,
)
from services.model_store import manifest as manifest_module
from services.model_store.contents import describe
from services.model_store.manifest import encode, seal

Publish = Callable[..., Manifest]
TRAVERSALS = [
    "",
    ".",
    "..",
    "../up",
    "a/b",
    "/etc",
    ".hidden",
    "a\\b",
    "a b",
    "a\n",
    "ä",
    "x" * 101,
]


def overwrite(url: str, path: str, data: bytes) -> None:
    filesystem, root = fsspec.url_to_fs(url)
    target = f"{root}/{path}"
    if filesystem.exists(target):
        filesystem.rm(target)
    filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
    filesystem.pipe_file(target, data)


def read(url: str, path: str) -> bytes:
    filesystem, root = fsspec.url_to_fs(url)
    return bytes(filesystem.cat_file(f"{root}/{path}"))


def remove(url: str, path: str) -> None:
    filesystem, root = fsspec.url_to_fs(url)
    filesystem.rm(f"{root}/{path}")


def damaged_count() -> float:
    return REGISTRY.get_sample_value("akin_model_store_errors_total", {"kind": "damaged"}) or 0


def test_a_published_version_is_loaded_as_it_was(store: ModelStore, publish: Publish) -> None:
    published = publish(5)

    loaded = store.load("default", "taste", published.version)

    assert loaded.manifest == published
    assert loaded.files == {"notes.txt": b"a note"}
    np.testing.assert_array_equal(loaded.arrays["factors"], np.full((3, 2), 5, np.float32))
    np.testing.assert_array_equal(loaded.arrays["numbers"], [0, 1, 2])
    assert loaded.arrays["factors"].dtype == np.float32
    assert published.parameters == {"seed": 5}
    assert set(published.files) == {"factors.npy", "numbers.npy", "notes.txt"}


def test_loaded_arrays_cannot_be_written(store: ModelStore, publish: Publish) -> None:
    loaded = store.load("default", "taste", publish().version)

    with pytest.raises(ValueError, match="read-only"):
        loaded.arrays["factors"][0, 0] = 9


def test_the_same_content_is_the_same_version_and_publishing_it_again_changes_nothing(
    store: ModelStore, publish: Publish, draft: Callable[..., Draft]
) -> None:
    first = publish(1)

    again = store.publish(
        "default",
        "taste",
        arrays={"numbers": np.arange(3), "factors": np.ones((3, 2), np.float32)},
        files={"notes.txt": b"a note"},
        manifest=draft(parameters={"seed": 1}, metrics={"ndcg@10": 0.9}),
    )

    assert again == first
    assert store.versions("default", "taste") == [first]


@pytest.mark.parametrize(
    "change",
    [
        {"code_version": "0.2.0"},
        {"parameters": {"factors": 3}},
        {"serving": {"kind": "popularity"}},
    ],
)
def test_other_code_parameters_or_serving_make_another_version(
    change: dict[str, object], store: ModelStore, draft: Callable[..., Draft]
) -> None:
    arrays = {"factors": np.ones(3)}

    first = store.publish("default", "taste", arrays=arrays, manifest=draft())
    other = store.publish("default", "taste", arrays=arrays, manifest=draft(**change))

    assert first.version != other.version


def test_other_content_under_an_existing_id_is_refused_and_the_first_stays(
    store: ModelStore, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_module, "VERSION_DIGITS", 1)  # 17 versions cannot have 16 ids

    published: list[Manifest] = []

    def publish_all() -> None:
        for seed in range(17):
            published.append(publish(seed))  # noqa: PERF401 - the list is wanted up to the error

    with pytest.raises(VersionTaken):
        publish_all()
    assert published
    for manifest in published:
        loaded = store.load("default", "taste", manifest.version)
        assert loaded.arrays["factors"][0, 0] == manifest.parameters["seed"]


def test_versions_are_listed_newest_first(store: ModelStore, publish: Publish) -> None:
    published = [publish(seed) for seed in range(4)]

    assert store.versions("default", "taste") == published[::-1]
    assert store.versions("default", "unheard") == []


def test_a_version_without_a_manifest_does_not_exist_and_can_be_published_again(
    store: ModelStore, url: str, publish: Publish
) -> None:
    published = publish()
    remove(url, f"{published.path}/manifest.json")
    overwrite(url, f"{published.path}/factors.npy", b"half of an upl")

    assert store.versions("default", "taste") == []
    with pytest.raises(UnknownVersion, match=published.version):
        store.load("default", "taste", published.version)

    assert publish().version == published.version
    assert store.load("default", "taste", published.version).arrays["factors"].shape == (3, 2)


def test_models_are_listed_by_workspace(store: ModelStore, publish: Publish) -> None:
    publish(name="taste")
    publish(name="similar")
    publish(workspace="other", name="secret")

    assert store.names("default") == ["similar", "taste"]
    assert store.names("nobody") == []


def test_a_deleted_workspace_is_gone_and_its_neighbour_is_not(
    store: ModelStore, publish: Publish
) -> None:
    mine, theirs = publish(), publish(workspace="other")
    store.promote("default", "taste", mine.version, expected=None, reason="first")
    loaded = store.load("default", "taste", mine.version)

    store.delete_workspace("default")
    store.delete_workspace("default")

    assert store.names("default") == []
    assert store.current("default", "taste") is None
    assert store.versions("other", "taste") == [theirs]
    assert loaded.arrays["factors"].sum() == 6, "what is loaded stays usable"
    publish()
    assert store.promote("default", "taste", mine.version, expected=None, reason="anew").generation


@pytest.mark.parametrize("bad", TRAVERSALS)
def test_a_name_that_could_leave_its_folder_is_refused(
    bad: str, store: ModelStore, draft: Callable[..., Draft]
) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.publish(bad, "taste", arrays={}, manifest=draft()),
        lambda: store.publish("default", bad, arrays={}, manifest=draft()),
        lambda: store.publish("default", "taste", arrays={}, files={bad: b""}, manifest=draft()),
        lambda: store.load(bad, "taste", "a"),
        lambda: store.load("default", "taste", bad),
        lambda: store.versions("default", bad),
        lambda: store.names(bad),
        lambda: store.current("default", "taste", alias=bad),
        lambda: store.history(bad, "taste"),
        lambda: store.promote("default", "taste", bad, expected=None, reason=""),
        lambda: store.delete_workspace(bad),
    ]
    for call in calls:
        with pytest.raises(InvalidName):
            call()


def test_a_file_may_not_take_the_place_of_an_array_or_of_the_manifest(
    store: ModelStore, draft: Callable[..., Draft]
) -> None:
    for name in ("factors.npy", "manifest.json"):
        with pytest.raises(ValueError, match=name):
            store.publish("default", "taste", arrays={}, files={name: b""}, manifest=draft())


@pytest.mark.parametrize(
    "array", [np.array([{}, None]), np.array(["text"]), np.array(["2026"], "M8[Y]")]
)
def test_arrays_that_are_no_numbers_are_refused(
    array: np.ndarray, store: ModelStore, draft: Callable[..., Draft]
) -> None:
    with pytest.raises(ValueError, match="Array ids"):
        store.publish("default", "taste", arrays={"ids": array}, manifest=draft())
    assert store.versions("default", "taste") == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), 2j, "\ud800"])
def test_a_draft_that_json_cannot_hold_is_refused(
    value: object, store: ModelStore, draft: Callable[..., Draft]
) -> None:
    with pytest.raises(ValueError, match="manifest cannot be stored"):
        store.publish("default", "taste", arrays={}, manifest=draft(metrics={"ndcg": value}))


def test_numpy_numbers_and_tuples_in_a_draft_are_kept_as_json_has_them(
    store: ModelStore, draft: Callable[..., Draft]
) -> None:
    metrics = {"a": np.float32(0.5), "b": np.int64(3), "c": (1, 2), "d": np.bool_(True)}

    published = store.publish("default", "taste", arrays={}, manifest=draft(metrics=metrics))

    assert published.metrics == {"a": 0.5, "b": 3, "c": [1, 2], "d": True}
    assert store.manifest("default", "taste", published.version) == published


# --- damage ---


def refused(store: ModelStore, published: Manifest, file: str, sentence: str) -> None:
    before = damaged_count()
    with pytest.raises(DamagedVersion, match=sentence) as caught:
        store.load("default", "taste", published.version)
    assert caught.value.file == file
    assert file in str(caught.value)
    assert published.version in str(caught.value)
    assert damaged_count() == before + 1


def test_a_truncated_file_is_refused(store: ModelStore, url: str, publish: Publish) -> None:
    path = f"{publish().path}/factors.npy"
    overwrite(url, path, read(url, path)[:-1])
    refused(store, publish(), "factors.npy", "151 bytes instead of 152")


@pytest.mark.parametrize("file", ["factors.npy", "notes.txt"])
def test_an_emptied_file_is_refused(
    file: str, store: ModelStore, url: str, publish: Publish
) -> None:
    overwrite(url, f"{publish().path}/{file}", b"")
    refused(store, publish(), file, "has 0 bytes")


def test_a_tampered_file_is_refused(store: ModelStore, url: str, publish: Publish) -> None:
    path = f"{publish().path}/factors.npy"
    overwrite(url, path, read(url, path)[:-1] + b"\x01")
    refused(store, publish(), "factors.npy", "SHA-256")


def test_a_missing_file_is_refused(store: ModelStore, url: str, publish: Publish) -> None:
    remove(url, f"{publish().path}/notes.txt")
    refused(store, publish(), "notes.txt", "is missing")


def test_an_additional_file_is_refused(store: ModelStore, url: str, publish: Publish) -> None:
    overwrite(url, f"{publish().path}/extra.npy", b"anything")
    refused(store, publish(), "extra.npy", "does not belong")


def test_a_manifest_of_another_version_is_refused(
    store: ModelStore, url: str, publish: Publish
) -> None:
    published, other = publish(1), publish(2)
    overwrite(url, f"{published.path}/manifest.json", read(url, f"{other.path}/manifest.json"))
    refused(store, published, "manifest.json", f"is that of default/taste/{other.version}")


def test_a_damaged_manifest_is_refused_and_left_out_of_the_list(
    store: ModelStore, url: str, publish: Publish
) -> None:
    published, sound = publish(1), publish(2)
    whole = read(url, f"{published.path}/manifest.json")
    overwrite(url, f"{published.path}/manifest.json", whole[:-20])

    refused(store, published, "manifest.json", "cannot be read")
    assert store.versions("default", "taste") == [sound]
    with pytest.raises(DamagedVersion):
        publish(1)
    with pytest.raises(DamagedVersion):
        store.promote("default", "taste", published.version, expected=None, reason="no")


def test_a_manifest_far_too_long_is_refused_unread(
    store: ModelStore, url: str, publish: Publish
) -> None:
    published = publish()
    overwrite(url, f"{published.path}/manifest.json", b" " * 2_000_000)
    refused(store, published, "manifest.json", "has more than")


# A pickle, in its oldest and readable protocol, that calls pytest.fail when it is loaded.
BOMB = b"cpytest\nfail\n(S'a pickle was executed'\ntR."


def test_pickles_are_refused_even_when_the_manifest_vouches_for_them(
    store: ModelStore, url: str, draft: Callable[..., Draft]
) -> None:
    np_pickle = b"\x93NUMPY\x01\x00\x76\x00" + (
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    )
    for evil in (BOMB, np_pickle + BOMB):
        files: dict[str, FileEntry] = {"factors.npy": describe([evil])}
        forged = seal(
            draft(),
            workspace="default",
            name="taste",
            files=files,
            created_at=draft().data.end,
        )
        overwrite(url, f"{forged.path}/factors.npy", evil)
        overwrite(url, f"{forged.path}/manifest.json", encode(forged))
        refused(store, forged, "factors.npy", "plain")


def test_threads_that_publish_the_same_at_once_get_one_version(
    store: ModelStore, publish: Publish
) -> None:
    results: list[Manifest] = []
    barrier = threading.Barrier(8)

    def train() -> None:
        barrier.wait()
        results.append(publish(3))

    threads = [threading.Thread(target=train) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 8
    assert all(result == results[0] for result in results)
    assert store.versions("default", "taste") == [results[0]]
    assert store.load("default", "taste", results[0].version).manifest == results[0]
