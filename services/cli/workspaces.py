"""`akin workspaces`: the units of isolation."""

from __future__ import annotations

from typing import Annotated

import typer

from services.accounts import workspaces
from services.cli.console import Json, output, print_rows, with_resources
from services.recommendations.editing import Editor
from services.web.resources import Resources

app = typer.Typer(
    no_args_is_help=True,
    help="Create, list and delete workspaces: one brand, one plant, staging beside production.",
)


@app.command()
def create(name: str) -> None:
    """Create a workspace. Clients are put into it with `akin clients create --workspace`."""

    async def work(resources: Resources) -> None:
        await workspaces.create_workspace(await resources.database(), name)

    with_resources(work)
    output.print(f"Created the workspace '{name}'.")


@app.command("list")
def list_workspaces(json: Json = False) -> None:
    """List the workspaces and how many clients each has."""

    async def work(resources: Resources) -> list[dict[str, object]]:
        found = await workspaces.list_workspaces(await resources.database())
        return [
            {
                "workspace": each.workspace,
                "clients": each.clients,
                "created_at": each.created_at,
            }
            for each in found
        ]

    print_rows(with_resources(work), json=json, empty="No workspace.")


@app.command()
def delete(
    name: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a workspace with all its clients, items, interactions and models, for good."""
    if name == workspaces.DEFAULT:
        raise typer.BadParameter("'default' stays; `GET /cleanup` empties it.")
    if not yes:
        typer.confirm(f"Delete everything of the workspace '{name}', for good?", abort=True)

    async def work(resources: Resources) -> int:
        database, cache = await resources.database(), await resources.cache()
        editor = Editor(database, cache, await resources.broker(), resources.models())
        # First what it holds, so that a deletion that was cut short can be repeated; and once more,
        # because its clients' tokens held until now.
        await editor.clean(name)
        count = await workspaces.delete_workspace(database, name)
        await editor.clean(name)
        return count

    count = with_resources(work)
    output.print(f"Deleted the workspace '{name}' and its {count} clients.")
