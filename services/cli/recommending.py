"""`akin recommend`: lists for everybody, into a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.console import Json, WorkspaceName, output, print_json, progress, with_resources
from services.recommendations import activity_repository
from services.recommendations.config import RecommendationsSettings
from services.recommendations.controls import Parameters
from services.recommendations.listing import Recommendations, Wish
from services.recommendations.loading import ModelLoader
from services.recommendations.service import Recommender
from services.recommendations.workspaces import Workspaces
from services.web.resources import Resources

USERS_AT_ONCE = 1_000  # one row group of the file, some 10,000 rows


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(recommend)


def recommend(
    out: Annotated[Path, typer.Option(help="The Parquet file to write.", dir_okay=False)],
    all_users: Annotated[
        bool, typer.Option("--all-users", help="Everybody who ever reacted to anything.")
    ] = False,
    user: Annotated[list[str], typer.Option(help="A user; may be repeated.")] = [],  # noqa: B006
    limit: Annotated[int, typer.Option(help="Items for each.", min=1, max=100)] = 10,
    shown: Annotated[
        bool, typer.Option("--shown", help="Count the lists as shown: they do not repeat.")
    ] = False,
    workspace: WorkspaceName = "default",
    json: Json = False,
) -> None:
    """Write lists for many users into a Parquet file, one row for each place of a list.

    Columns: user_id, place (from 1), item_id, title, score, source, reason, recommendation_id,
    model_version. The file is complete or not there.
    """
    if all_users == bool(user):
        raise typer.BadParameter("Name either --all-users or some --user.")

    async def work(resources: Resources) -> int:
        recommender, database = await _open(resources)
        total = await _count(database, workspace) if all_users else len(user)
        wish = Wish(Parameters(limit=limit))
        rows = 0
        with progress() as bar, _Parquet(out) as file:
            task = bar.add_task("Recommending", total=total)
            async for some in _users(database, workspace, None if all_users else user):
                made = await recommender.recommend_to_many(workspace, some, wish, remember=shown)
                rows += file.write(made)
                bar.advance(task, len(some))
        await recommender.close()
        return rows

    rows = with_resources(work)
    if json:
        print_json({"rows": rows, "file": str(out)})
    else:
        output.print(f"{rows:,} rows in {out}.")


async def _open(resources: Resources) -> tuple[Recommender, Any]:
    database, cache = await resources.database(), await resources.cache()
    workspaces = Workspaces(database, cache, ModelLoader(resources.models()), maximum=1)
    settings = RecommendationsSettings()
    return Recommender(database, cache, workspaces, settings), database


async def _count(database: Any, workspace: str) -> int:
    async with database.reading(workspace) as connection:
        return await activity_repository.count_users(connection, workspace)


async def _users(
    database: Any, workspace: str, named: Sequence[str] | None
) -> AsyncIterator[Sequence[str]]:
    if named is not None:
        yield named
        return
    after = ""
    while True:
        async with database.reading(workspace) as connection:
            some = await activity_repository.users_after(
                connection, workspace, after, USERS_AT_ONCE
            )
        if not some:
            return
        yield some
        after = some[-1]


class _Parquet:
    """A Parquet file under another name until it is complete."""

    def __init__(self, path: Path) -> None:
        # Here and not above: serving does without it.
        import pyarrow as pa  # noqa: PLC0415 - the extra `train`
        import pyarrow.parquet as pq  # noqa: PLC0415

        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._table: Callable[..., Any] = pa.Table.from_pylist
        text = pa.string()
        self._schema = pa.schema(
            [
                ("user_id", text),
                ("place", pa.int32()),
                ("item_id", text),
                ("title", text),
                ("score", pa.float32()),
                ("source", text),
                ("reason", text),
                ("recommendation_id", text),
                ("model_version", text),
            ]
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(self._partial, self._schema)

    def write(self, lists: Sequence[Recommendations]) -> int:
        """Append the lists as one row group; return how many rows it has."""
        rows = [
            {
                "user_id": made.user_id,
                "place": place,
                "item_id": each.item.item_id,
                "title": each.item.title,
                "score": each.ranked.score,
                "source": each.ranked.source,
                "reason": each.reason,
                "recommendation_id": made.shown.recommendation_id,
                "model_version": made.shown.model_version,
            }
            for made in lists
            for place, each in enumerate(made.places, start=1)
        ]
        self._writer.write_table(self._table(rows, schema=self._schema))
        return len(rows)

    def __enter__(self) -> _Parquet:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        self._writer.close()
        if failed:
            self._partial.unlink()
        else:
            self._partial.replace(self._path)
