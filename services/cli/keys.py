"""`akin keys`: the keys that sign tokens."""

from __future__ import annotations

import typer

from services.cli.console import output
from services.security.keys import rotate as add_key
from services.web.config import PlatformSettings

app = typer.Typer(no_args_is_help=True, help="Rotate the keys that sign tokens.")


@app.callback()
def keys() -> None:
    """Rotate the keys that sign tokens."""


@app.command()
def rotate() -> None:
    """Sign with a new key from now on. Tokens of the one before hold on; those of older ones end.

    Rotate at most once in the lifetime of a token.
    """
    output.print(
        f"Signs from now on: {add_key(PlatformSettings().keys)}. Accounts sees it within a minute."
    )
