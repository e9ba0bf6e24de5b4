"""The root of the command line, and how its failures end."""

from __future__ import annotations

import os
import sys

import typer

from services.anomaly_similarity.mapping import ImportRefused as AnomaliesRefused
from services.anomaly_similarity.search.embedder import UnusableEmbeddings
from services.anomaly_similarity.search.training import NotEnoughCases
from services.cli import (
    clients,
    data,
    dead_letters,
    doctor,
    evaluating,
    keys,
    models,
    recommending,
    running,
    settings,
    similarity,
    workspaces,
)
from services.cli.console import AWAY, FAILED, NotMigrated, errors
from services.cli.processes import NotStarted
from services.cli.supervisor import running_settings
from services.coalescing import Overloaded
from services.model_store import ModelStoreError
from services.recommendations.datasets import NotEnoughData
from services.recommendations.imports import ImportRefused
from services.web.config import PlatformSettings
from services.web.errors import AkinError

app = typer.Typer(
    name="akin",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="""Akin answers *what will this person like next?* from a stream of events.

    Start with `akin run`: all of it in one process, with no server. Settings are environment
    variables (`AKIN_…`, see the README); `AKIN_HOME` says where the data lies.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 something needed is away.
    """,
)


@app.callback()
def prepare(context: typer.Context) -> None:
    """Work on what `akin up` runs in this AKIN_HOME, if it does; variables that are set go first."""
    if context.invoked_subcommand not in running.COMMANDS:
        for name, value in running_settings(PlatformSettings().home).items():
            os.environ.setdefault(name, value)


running.register(app)
data.register(app)
evaluating.register(app)
similarity.register()
recommending.register(app)
app.add_typer(models.app, name="models")
app.add_typer(clients.app, name="clients")
app.add_typer(workspaces.app, name="workspaces")
app.add_typer(keys.app, name="keys")
app.add_typer(dead_letters.app, name="dead-letters")
doctor.register(app)
settings.register(app)


def main() -> None:
    """Run a command; what it could not do is one sentence on standard error."""
    try:
        app()
    except (ConnectionError, TimeoutError, Overloaded) as error:
        errors.print(f"[red]Away:[/] {error}", highlight=False)
        sys.exit(AWAY)
    except AkinError as error:
        errors.print(f"[red]Refused:[/] {error.detail}", highlight=False)
        sys.exit(FAILED)
    except (
        AnomaliesRefused,
        ModelStoreError,
        ImportRefused,
        NotEnoughCases,
        NotEnoughData,
        UnusableEmbeddings,
        NotMigrated,
        NotStarted,
    ) as error:
        errors.print(f"[red]Refused:[/] {error}", highlight=False)
        sys.exit(FAILED)
