"""One store per test, on each kind of filesystem; drafts and arrays to publish."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from services.model_store import Data, Draft, Manifest, ModelStore

Publish = Callable[..., Manifest]


def make_draft(**changes: Any) -> Draft:
    given = {
        "code_version": "0.1.0",
        "data": Data(
            start=datetime(2026, 11, 1, tzinfo=UTC),
            end=datetime(2026, 11, 21, tzinfo=UTC),
            rows=100,
            users=7,
            items=3,
            sha256="ab" * 32,
        ),
        "parameters": {"factors": 2, "seed": 7},
        "serving": {"kind": "lightfm", "weight": 0.03},
        "metrics": {"ndcg@10": 0.125},
        "protocol": {"split": "time"},
    }
    return Draft(**{**given, **changes})


@pytest.fixture(params=["folder", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield f"file://{tmp_path}/models"
        return
    root = f"memory://akin-{uuid.uuid4().hex}"
    yield f"{root}/models"
    filesystem, path = fsspec.url_to_fs(root)
    if filesystem.exists(path):
        filesystem.rm(path, recursive=True)


@pytest.fixture
def store(url: str) -> ModelStore:
    return ModelStore(url)


@pytest.fixture
def draft() -> Callable[..., Draft]:
    return make_draft


@pytest.fixture
def publish(store: ModelStore) -> Publish:
    """Publish a small version; each `seed` gives another one."""

    def publish_version(seed: int = 1, workspace: str = "default", name: str = "taste") -> Manifest:
        return store.publish(
            workspace,
            name,
            arrays={"factors": np.full((3, 2), seed, np.float32), "numbers": np.arange(3)},
            files={"notes.txt": b"a note"},
            manifest=make_draft(parameters={"seed": seed}),
        )

    return publish_version
