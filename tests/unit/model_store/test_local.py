"""A folder: real processes race and are killed, arrays are mapped, everything reaches the disk in order."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from services.model_store import Draft, Manifest, ModelStore, StoreUnavailable

Publish = Callable[..., Manifest]

TRAINER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from services.model_store import AliasMoved, Data, Draft, ModelStore

url, go, seed, size, job = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
store = ModelStore(url)

def publish(seed):
    return store.publish("default", "taste",
        arrays={"factors": np.full(size, seed, np.float32), "bias": np.zeros(size, np.float32)},
        manifest=Draft(code_version="1", parameters={"seed": seed}, serving={}, metrics={}, protocol={},
            data=Data(start=None, end=None, rows=0, users=0, items=0, sha256="0" * 64)))

print("ready", flush=True)
while not go.exists():
    time.sleep(0.001)
if job == "publish":
    print(publish(seed).version)
elif job == "publish-forever":
    while True:
        seed += 1
        entry = store.current("default", "taste")
        store.promote("default", "taste", publish(seed).version,
                      expected=entry.generation if entry else None, reason="trained")
else:
    for generation in range(int(job)):
        version = publish(seed).version
        while (entry := store.current("default", "taste")) and entry.generation < generation:
            pass
        try:
            store.promote("default", "taste", version, expected=generation or None, reason=str(seed))
            print("won", generation + 1)
        except AliasMoved:
            print("lost", generation + 1)
        while not (entry := store.current("default", "taste")) or entry.generation <= generation:
            pass
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/models"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


class Trainers:
    """Training processes that all wait for the word."""

    def __init__(self, url: str, go: Path) -> None:
        self._url, self._go = url, go
        self._running: list[subprocess.Popen[str]] = []

    def start(self, seed: int, job: str, size: int = 100) -> subprocess.Popen[str]:
        arguments = [self._url, str(self._go), str(seed), str(size), job]
        process = subprocess.Popen(
            [sys.executable, "-c", TRAINER, *arguments], stdout=subprocess.PIPE, text=True
        )
        self._running.append(process)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    def go(self) -> list[list[str]]:
        self._go.touch()
        return [process.communicate(timeout=60)[0].splitlines() for process in self._running]

    def stop(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()


@pytest.fixture
def trainers(url: str, tmp_path: Path):
    trainers = Trainers(url, tmp_path / "go")
    yield trainers
    trainers.stop()


def test_of_two_processes_that_promote_at_once_exactly_one_wins(
    store: ModelStore, trainers: Trainers
) -> None:
    rounds = 30
    for seed in (1, 2):
        trainers.start(seed, str(rounds))

    first, second = trainers.go()

    assert len(first) == len(second) == rounds
    assert sorted(line for line in first + second if line.startswith("won")) == sorted(
        f"won {generation}" for generation in range(1, rounds + 1)
    )
    history = store.history("default", "taste")
    assert [entry.generation for entry in history] == list(range(rounds, 0, -1))
    by_winner = {"1": first, "2": second}
    for entry in history:
        assert f"won {entry.generation}" in by_winner[entry.reason]


def test_two_machines_that_train_the_same_at_once_publish_one_version(
    store: ModelStore, trainers: Trainers
) -> None:
    for _ in range(3):
        trainers.start(7, "publish", size=1_000_000)

    outputs = trainers.go()

    assert outputs[0] == outputs[1] == outputs[2]
    assert [manifest.version for manifest in store.versions("default", "taste")] == outputs[0]
    assert store.load("default", "taste", outputs[0][0]).arrays["factors"][-1] == 7


def test_two_machines_that_train_different_models_both_publish(
    store: ModelStore, trainers: Trainers
) -> None:
    for seed in (1, 2):
        trainers.start(seed, "publish")

    outputs = trainers.go()

    published = {manifest.version for manifest in store.versions("default", "taste")}
    assert published == {outputs[0][0], outputs[1][0]}


def test_training_killed_at_any_moment_leaves_only_whole_versions(
    store: ModelStore, url: str, tmp_path: Path, root: Path
) -> None:
    for attempt in range(4):
        trainers = Trainers(url, tmp_path / "go")
        process = trainers.start(1_000 * attempt, "publish-forever", size=300_000)
        (tmp_path / "go").touch()
        time.sleep(0.05 + 0.057 * attempt)
        process.kill()
        trainers.stop()

        for manifest in store.versions("default", "taste"):
            loaded = store.load("default", "taste", manifest.version)
            assert loaded.arrays["factors"][0] == manifest.parameters["seed"]
        for path in root.glob("default/taste/*/manifest.json"):
            assert store.manifest("default", "taste", path.parent.name)
        entry = store.current("default", "taste")
        assert len(store.history("default", "taste")) == (entry.generation if entry else 0)
    assert store.current("default", "taste")


def test_what_a_crash_left_is_swept_after_a_day(
    publish: Publish, root: Path, store: ModelStore
) -> None:
    publish(1)
    left, fresh, folder = (root / ".incoming" / name for name in ("left", "fresh", "folder"))
    left.write_bytes(b"half of an upload")
    fresh.write_bytes(b"an upload under way")
    folder.mkdir()
    (folder / "file").touch()
    two_days_ago = time.time() - 2 * 86_400
    os.utime(left, (two_days_ago, two_days_ago))
    os.utime(folder, (two_days_ago, two_days_ago))

    publish(2)

    assert list((root / ".incoming").iterdir()) == [fresh]
    assert store.names("default") == ["taste"]


def test_files_and_folders_reach_the_disk_before_the_manifest_and_the_alias_appear(
    publish: Publish, store: ModelStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    sync, link = os.fsync, Path.hardlink_to

    def noted_sync(descriptor: int) -> None:
        sync(descriptor)
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        happened.append(f"{kind} {path.relative_to(root.parent)}" if kind == "folder" else kind)

    def noted_link(target: Path, source: Path) -> None:
        link(target, source)
        happened.append(f"link {target.name}")

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "hardlink_to", noted_link)

    folder = f"models/{publish().path}"
    version = folder.rpartition("/")[2]
    up = [f"folder {f}" for f in ("models/default/taste", "models/default", "models")]
    assert happened == [
        "folder .",  # the store's own folder is new
        *["file"] * 4,  # two arrays, the note, the manifest under a temporary name
        f"folder {folder}",
        "link manifest.json",
        f"folder {folder}",
        *up,
    ]

    happened.clear()
    store.promote("default", "taste", version, expected=None, reason="first")
    log = "folder models/default/taste/aliases"
    assert happened == [
        "file",
        f"{log}/champion",
        "link 00000001.json",
        f"{log}/champion",
        log,
        *up,
    ]


def test_arrays_are_mapped_not_read(
    store: ModelStore, root: Path, draft: Callable[..., Draft]
) -> None:
    arrays = {"factors": np.arange(1_000_000, dtype=np.float64)}
    published = store.publish("default", "taste", arrays=arrays, manifest=draft())

    loaded = store.load("default", "taste", published.version)

    mapped = Path("/proc/self/maps").read_text()
    assert str(root / published.path / "factors.npy") in mapped
    assert loaded.arrays["factors"][-1] == 999_999
    assert loaded.arrays["factors"].ctypes.data % 64 == 0, "aligned for vector instructions"


def test_a_loaded_array_outlives_its_file(publish: Publish, store: ModelStore) -> None:
    loaded = store.load("default", "taste", publish(4).version)
    store.delete_workspace("default")

    np.testing.assert_array_equal(loaded.arrays["factors"], np.full((3, 2), 4))


def test_published_files_are_read_only_and_readable_by_other_users(
    publish: Publish, root: Path
) -> None:
    for path in (root / publish().path).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_any_numpy_reads_the_files(publish: Publish, root: Path) -> None:
    path = root / publish(3).path / "factors.npy"

    mapped = np.load(path, mmap_mode="r", allow_pickle=False)

    np.testing.assert_array_equal(mapped, np.full((3, 2), 3))


def test_a_store_that_cannot_be_reached_says_so(publish: Publish, url: str, tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(b"a file where the folder should be")
    store = ModelStore(url)

    for call in (
        lambda: store.current("default", "taste"),
        lambda: store.versions("default", "taste"),
        lambda: store.load("default", "taste", "ab"),
        publish,
    ):
        with pytest.raises(StoreUnavailable, match="model store is away"):
            call()


def test_a_folder_with_a_space_and_an_umlaut_is_a_folder(
    tmp_path: Path, draft: Callable[..., Draft]
) -> None:
    store = ModelStore(f"file://{tmp_path}/my mödels")

    published = store.publish("default", "taste", arrays={}, manifest=draft())

    assert (tmp_path / "my mödels" / published.path / "manifest.json").is_file()
