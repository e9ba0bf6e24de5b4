"""`akin clients`: who may use the API."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer
from pydantic import ValidationError

from services.accounts import clients
from services.accounts.schemas import CreateClient
from services.accounts.service import ORDINARY_SCOPES
from services.cli.console import Json, WorkspaceName, output, print_json, print_rows, with_resources
from services.security.passwords import Passwords
from services.security.scopes import EVERY_SCOPE
from services.web.resources import Resources

app = typer.Typer(no_args_is_help=True, help="Create and list the clients of the API.")

PASSWORD_BYTES = 18  # of randomness in a generated password: 144 bits


@app.command()
def create(
    username: str,
    workspace: WorkspaceName = "default",
    email: Annotated[str | None, typer.Option(help="Default: one at example.com.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="A scope; repeat it. Default: all but the administrative ones."),
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Give every scope.")] = False,
    json: Json = False,
) -> None:
    """Create a client and print its password, which is kept nowhere in clear."""
    scopes = EVERY_SCOPE if admin else frozenset(scope) if scope else ORDINARY_SCOPES
    if unknown := scopes - EVERY_SCOPE:
        known = ", ".join(sorted(EVERY_SCOPE))
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: unknown. Known are {known}.")
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    wanted = _registration(username, email or f"{username}@example.com", password)

    async def work(resources: Resources) -> str:
        passwords = Passwords()
        try:
            return await clients.create_client(
                await resources.database(), passwords, wanted, workspace=workspace, scopes=scopes
            )
        finally:
            passwords.close()

    client_id = with_resources(work)
    made = {"client_id": client_id, "username": username, "password": password}
    if json:
        print_json({**made, "workspace": workspace, "scopes": sorted(scopes)})
        return
    for name, value in made.items():
        output.print(f"{name:10} {value}", highlight=False)


def _registration(username: str, email: str, password: str) -> CreateClient:
    try:
        return CreateClient.model_validate(
            {"username": username, "name": username, "email": email, "password": password}
        )
    except ValidationError as error:
        reasons = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
        raise typer.BadParameter(reasons) from error


@app.command("list")
def list_clients(
    workspace: WorkspaceName = "default",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    json: Json = False,
) -> None:
    """List the clients of a workspace."""

    async def work(resources: Resources) -> list[dict[str, object]]:
        found = await clients.list_clients(await resources.database(), workspace, limit=limit)
        return [
            {
                "client_id": each.client_id,
                "username": each.username,
                "email": each.email,
                "scopes": " ".join(sorted(each.scopes)),
                "created_at": each.created_at,
            }
            for each in found
        ]

    print_rows(with_resources(work), json=json, empty="No client: `akin clients create NAME`.")
