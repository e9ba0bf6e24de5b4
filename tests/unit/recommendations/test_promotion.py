from __future__ import annotations

from services.model_store import ModelStore
from services.recommendations.datasets import Dataset
from services.recommendations.gate import Verdict
from services.recommendations.loading import MODEL
from services.recommendations.promotion import promote
from services.recommendations.training import train_on


def test_who_comes_second_changes_nothing(checkerboard: Dataset, store: ModelStore) -> None:
    seen = store.current("default", MODEL)
    fewer = checkerboard.only(checkerboard.interactions.where(checkerboard.interactions.users != 0))
    slow = train_on(fewer, store, "default").version
    fast = train_on(checkerboard, store, "default").version
    verdict = Verdict(True, "better")
    promoted, reason = promote(store, "default", slow, seen, verdict)
    assert not promoted
    assert "meanwhile" in reason
    serves = store.current("default", MODEL)
    assert serves is not None
    assert serves.version == fast
