"""Telling services of a model that was promoted."""

from __future__ import annotations

from datetime import UTC, datetime

from services.cli.console import errors
from services.messages.envelope import Event
from services.messages.types import ModelPublished
from services.recommendations.listing import new_id
from services.web.resources import Resources

SOURCE = "/akin/train"


async def announce(resources: Resources, workspace: str, model: str, version: str) -> None:
    """Tell services at once; should the broker be away, they see the alias within seconds."""
    event = Event(
        id=new_id(),
        source=SOURCE,
        time=datetime.now(UTC),
        workspace=workspace,
        data=ModelPublished(name=model, version=version),
    )
    try:
        await (await resources.broker()).publish([event])
    except ConnectionError as error:
        errors.print(f"Not announced ({error}); services see it within seconds all the same.")
