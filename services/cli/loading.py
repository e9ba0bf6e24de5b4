"""Bringing data in: straight into the database, in batches, with what was refused set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import Progress, TaskID

from services.cli.console import progress
from services.recommendations import demo, repository
from services.recommendations.catalogue import Item
from services.recommendations.editing import Editor
from services.recommendations.imports import (
    Batch,
    NewInteraction,
    NewItem,
    RejectsFile,
    open_folder,
)
from services.recommendations.recording import Reaction, Recorder
from services.web.resources import Resources


@dataclass(slots=True)
class Summary:
    """What became of an import. `new_…` are those that were not there before."""

    items: int = 0
    new_items: int = 0
    interactions: int = 0
    new_interactions: int = 0
    rejected: int = 0
    rejects_file: str | None = None

    def sentence(self) -> str:
        """Return it in words."""
        text = (
            f"{self.items:,} items ({self.new_items:,} new), "
            f"{self.interactions:,} interactions ({self.new_interactions:,} new)"
        )
        if self.rejected:
            text += f"; {self.rejected:,} rows were refused, see {self.rejects_file}"
        return text + "."


class Loader:
    """Writes what importers read."""

    def __init__(self, workspace: str, editor: Editor, recorder: Recorder) -> None:
        self.summary = Summary()
        self._workspace = workspace
        self._editor = editor
        self._recorder = recorder

    async def items(self, new: Sequence[NewItem]) -> None:
        """Add items to the catalogue."""
        by_id = {item.item_id: item for item in new}

        def change(item: Item) -> Item:
            told = by_id[item.item_id]
            return replace(item, title=told.title, genres=told.genres, labels=told.labels)

        if by_id:
            added, _ = await self._editor.upsert(self._workspace, list(by_id), change)
            self.summary.items += len(by_id)
            self.summary.new_items += added

    async def interactions(self, new: Sequence[NewInteraction]) -> None:
        """Record interactions, each once, however often it is imported."""
        now = datetime.now(UTC)
        reactions = [Reaction(each.event_id, now, each.interaction) for each in new]
        if reactions:
            fresh = await self._recorder.record(self._workspace, reactions, follow=False)
            self.summary.interactions += len(reactions)
            self.summary.new_interactions += fresh

    async def done(self) -> None:
        """Let every process forget what it cached before; also after an import that was cut short."""
        if self.summary.interactions:
            await self._editor.void_caches(self._workspace)


async def _loader(resources: Resources, workspace: str) -> Loader:
    database, cache = await resources.database(), await resources.cache()
    editor = Editor(database, cache, await resources.broker(), resources.models())
    return Loader(workspace, editor, Recorder(database, cache))


async def load_movielens(resources: Resources, folder: Path, workspace: str) -> Summary:
    """Load a MovieLens folder, with a progress bar; refused rows go to a file in AKIN_HOME.

    Raises:
        ImportRefused: it is no MovieLens folder.
    """
    source = open_folder(folder)
    loader = await _loader(resources, workspace)
    home = resources.settings.home
    home.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    with (
        progress() as bar,
        RejectsFile(home / f"rejected-{stamp}.csv") as rejects,
    ):
        task = bar.add_task(f"Loading {folder.name}", total=source.bytes)
        try:
            for films in source.items():
                await loader.items(films.rows)
                _step(bar, task, films, rejects)
            for ratings in source.interactions():
                await loader.interactions(ratings.rows)
                _step(bar, task, ratings, rejects)
        finally:
            await loader.done()
    loader.summary.rejected = rejects.count
    loader.summary.rejects_file = str(rejects.path) if rejects.count else None
    return loader.summary


def _step(
    bar: Progress,
    task: TaskID,
    batch: Batch[NewItem] | Batch[NewInteraction],
    rejects: RejectsFile,
) -> None:
    rejects.write(batch.rejects)
    bar.advance(task, batch.bytes)


async def load_demo(resources: Resources, workspace: str) -> Summary:
    """Load the demo catalogue with its people and their likes."""
    loader = await _loader(resources, workspace)
    await loader.items(demo.items())
    await loader.interactions(demo.interactions())
    await loader.done()
    return loader.summary


async def is_empty(resources: Resources, workspace: str) -> bool:
    """Tell whether the workspace has no items yet."""
    database = await resources.database()
    async with database.reading(workspace) as connection:
        return not await repository.find_items(
            connection, workspace, text_in_title=None, genre=None, after=-1, limit=1
        )
