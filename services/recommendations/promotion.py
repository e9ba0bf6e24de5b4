"""The version that serves, as a training compares itself with it."""

from __future__ import annotations

from services.model_store import (
    AliasEntry,
    DamagedVersion,
    LoadedVersion,
    ModelStore,
    UnknownVersion,
)
from services.recommendations.loading import MODEL


def load_champion(
    store: ModelStore, workspace: str, current: AliasEntry | None
) -> LoadedVersion | None:
    """Return the version that serves, or None when there is none or it is damaged."""
    if current is None:
        return None
    try:
        return store.load(workspace, MODEL, current.version)
    except (DamagedVersion, UnknownVersion):
        return None
