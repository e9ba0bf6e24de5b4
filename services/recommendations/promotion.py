"""The version that serves, and putting another in its place."""

from __future__ import annotations

from services.model_store import (
    AliasEntry,
    AliasMoved,
    DamagedVersion,
    LoadedVersion,
    ModelStore,
    UnknownVersion,
)
from services.recommendations.gate import Verdict
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


def promote(
    store: ModelStore, workspace: str, version: str, current: AliasEntry | None, verdict: Verdict
) -> tuple[bool, str]:
    """Follow the verdict, if the champion still is `current`; return whether it was done, and why."""
    if current is not None and current.version == version:
        return False, "Nothing has changed: this version serves already."
    if not verdict.promote:
        return False, verdict.reason
    expected = current.generation if current else None
    try:
        store.promote(workspace, MODEL, version, expected=expected, reason=verdict.reason)
    except AliasMoved:
        return False, "Somebody else moved the alias meanwhile; what it names now stays."
    return True, verdict.reason
