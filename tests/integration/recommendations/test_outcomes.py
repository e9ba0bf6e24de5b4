"""Likes are counted for what made the list that they name."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import REGISTRY

from services.cache import Cache
from services.database import Database
from services.messages.types import InteractionRecorded
from services.recommendations.impressions import Impression, Impressions
from services.recommendations.outcomes import Outcomes
from services.recommendations.places import Ranked
from services.recommendations.recording import Reaction, Recorder

VERSION = "0123456789abcdef"
NOW = datetime.now(UTC)


def reaction(event_id: str, kind: str, item: str, *, user: str = "ada", by: str | None) -> Reaction:
    told = InteractionRecorded(
        user_id=user, item_id=item, kind=kind, occurred_at=NOW, recommendation_id=by
    )
    return Reaction(event_id, NOW, told)


def counted(source: str) -> float:
    labels = {"model_version": VERSION, "source": source}
    return REGISTRY.get_sample_value("akin_liked_items_total", labels) or 0


async def test_counts_by_the_lists_model_and_the_places_source(
    data: Database, store: Cache, workspace: str
) -> None:
    before = counted("model"), counted("exploration")
    recorder = Recorder(data, store)
    named = [reaction(f"n{n}", "view", item, user="x", by=None) for n, item in enumerate("ab")]
    await recorder.record(workspace, named[:1])  # the items get the numbers 0 and 1
    await recorder.record(workspace, named[1:])
    places = [Ranked(0, 1.0, "model"), Ranked(1, 1.0, "exploration")]
    shown = Impressions(data, store)
    await shown.remember(Impression(workspace, 0, 0, "ada", "list", places, VERSION))
    await shown.close()
    told = [
        reaction("e1", "like", "a", by="list"),
        reaction("e2", "purchase", "b", by="list"),
        reaction("e3", "dislike", "b", by="list"),
        reaction("e4", "like", "c", by="list"),  # the list did not show it
        reaction("e5", "like", "a", by="other"),
        reaction("e6", "like", "a", by="list", user="bob"),
        reaction("e7", "like", "a", by=None),
    ]
    await recorder.record(workspace, told)
    await Outcomes(data).count(workspace, told)
    assert (counted("model"), counted("exploration")) == (before[0] + 1, before[1] + 1)
