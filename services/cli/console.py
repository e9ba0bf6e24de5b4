"""How commands speak: tables for people, JSON for programs, progress on standard error."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from services.accounts.schemas import WORKSPACE
from services.database import BULK_TIMEOUT, migrate, schema_version
from services.web.config import PlatformSettings
from services.web.resources import Resources, open_resources

FAILED = 1  # refused, or it did not work
AWAY = 3  # something that is needed does not answer; try again

T = TypeVar("T")


class NotMigrated(RuntimeError):
    """The database's schema is not the one that the code knows; the message says what to do."""


output = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def _workspace(name: str) -> str:
    if not re.fullmatch(WORKSPACE, name):
        raise typer.BadParameter("1 to 64 lower-case letters, digits and, inside, hyphens.")
    return name


WorkspaceName = Annotated[
    str,
    typer.Option("--workspace", "-w", help="The workspace that is meant.", callback=_workspace),
]


def with_resources(
    work: Callable[[Resources], Coroutine[Any, Any, T]], *, schema: bool = True
) -> T:
    """Run `work` with the database, broker, cache and model store that the settings name.

    Raises:
        NotMigrated: the schema is not the code's; not looked at with `schema=False`.
    """

    async def run() -> T:
        settings = PlatformSettings()
        if schema:
            await _fit_schema(settings)
        async with open_resources(settings, command_timeout=BULK_TIMEOUT) as resources:
            return await work(resources)

    return asyncio.run(run())


async def _fit_schema(settings: PlatformSettings) -> None:
    """Make the tables of a file of one's own, as `akin run` does; a server's are for `akin migrate`."""
    if settings.database_url is None:
        settings.home.mkdir(parents=True, exist_ok=True)
    current, newest = await schema_version(settings.database)
    if current == newest:
        return
    if settings.database_url is not None:
        raise NotMigrated(f"The schema is at '{current}', not '{newest}': run `akin migrate`.")
    await migrate(settings.database)


def print_json(value: object) -> None:
    """Print a value as JSON, and nothing else."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_OMIT_MICROSECONDS
    print(orjson.dumps(value, default=str, option=options).decode())


def print_rows(rows: Sequence[Mapping[str, object]], *, json: bool, empty: str) -> None:
    """Print rows, which have the same keys, as a table or as JSON; `empty` says that there is none.

    Times are short in a table, so that ids beside them, which people copy, stand in one line.
    """
    if json:
        print_json(rows)
        return
    if not rows:
        output.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, value in rows[0].items():
        zone = " (UTC)" if isinstance(value, datetime) else ""
        table.add_column(name.replace("_", " ") + zone, overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    output.print(table)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    return "" if value is None else str(value)


def progress() -> Progress:
    """Return a progress bar for long work; where nobody watches, nothing is drawn."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=errors,
        disable=not errors.is_terminal,
    )
