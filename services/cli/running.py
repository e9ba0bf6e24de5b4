"""`akin run`, `akin up`, `akin down`: the platform on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from services.web.config import PlatformSettings

COMMANDS = ("run", "up", "down")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(up)
    app.command()(down)


def run(
    data: Annotated[
        Path | None,
        typer.Option(
            help="A MovieLens folder to load, instead of the demo.", exists=True, file_okay=False
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 8000,
) -> None:
    """Run all of Akin in this process: no server, no root. Ctrl-C stops it; the data stays.

    The first start loads a demo catalogue (or `--data`) and trains a model.
    """
    # Before anything reads settings: what suits one person on one machine.
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    from services.cli import embedded_run  # noqa: PLC0415 - it reads settings when it is imported

    embedded_run.run(data=data, port=port)


_DEFAULTS = {
    "AKIN_LOG_STYLE": "text",
    "AKIN_LOG_LEVEL": "warning",
    "AKIN_RECOMMENDATIONS_ALLOW_CLEANUP": "true",
}


def up() -> None:
    """Start the full profile as processes on this machine, with PostgreSQL, Redis and RabbitMQ.

    Servers are private ones on free ports, or those at `AKIN_DATABASE_URL`, `AKIN_BROKER_URL` and
    `AKIN_CACHE_URL`. Logs lie in `AKIN_HOME/logs`.
    """
    from services.cli import supervisor  # noqa: PLC0415 - psutil and all that only where needed

    supervisor.up(PlatformSettings())


def down() -> None:
    """Stop what `akin up` started; the data stays."""
    from services.cli import supervisor  # noqa: PLC0415

    supervisor.down(PlatformSettings())
