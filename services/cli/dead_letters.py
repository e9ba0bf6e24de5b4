"""`akin dead-letters`: events that no handler could take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from services.cli.console import Json, output, print_rows, with_resources
from services.web.resources import Resources

app = typer.Typer(
    no_args_is_help=True,
    help="See, replay and discard the events that no handler could take.",
)

SHOWN = 300  # characters of a letter's body in a table
ALL = 10_000  # letters that `--all` takes at once; repeat it for more

Ids = Annotated[list[str] | None, typer.Argument(help="Ids, as `list` prints them.")]
All = Annotated[bool, typer.Option("--all", help=f"Take all, up to {ALL}.")]


@app.command("list")
def list_letters(
    limit: Annotated[int, typer.Option(min=1, max=ALL)] = 50, json: Json = False
) -> None:
    """List dead letters, the oldest first, each with the reason."""

    async def work(resources: Resources) -> list[dict[str, object]]:
        letters = await (await resources.broker()).dead_letters(limit)
        return [
            {
                "id": letter.id,
                "queue": letter.queue,
                "died_at": letter.died_at,
                "reason": letter.reason,
                "body": letter.body.decode(errors="replace")[: None if json else SHOWN],
            }
            for letter in letters
        ]

    print_rows(with_resources(work), json=json, empty="No dead letters.")


@app.command()
def replay(ids: Ids = None, everything: All = False) -> None:
    """Give dead letters back to the queues they come from, once the cause is mended."""

    async def work(resources: Resources) -> int:
        broker = await resources.broker()
        return await broker.replay(await _chosen(resources, ids, everything=everything))

    output.print(f"Replayed {with_resources(work)}.")


@app.command()
def discard(
    ids: Ids = None,
    everything: All = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete dead letters, for good."""
    if not yes:
        typer.confirm("Delete these dead letters, for good?", abort=True)

    async def work(resources: Resources) -> int:
        broker = await resources.broker()
        return await broker.discard(await _chosen(resources, ids, everything=everything))

    output.print(f"Discarded {with_resources(work)}.")


async def _chosen(
    resources: Resources, ids: Sequence[str] | None, *, everything: bool
) -> Sequence[str]:
    if bool(ids) == everything:
        raise typer.BadParameter("Name ids, or say --all.")
    if ids:
        return ids
    return [letter.id for letter in await (await resources.broker()).dead_letters(ALL)]
