"""`akin doctor`: is everything where it should be?"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Awaitable, Callable

import typer
from sqlalchemy import text

from services.broker import QUEUES
from services.cli.console import FAILED, Json, print_rows, with_resources
from services.cli.record import RecordFile
from services.database import EVERY_WORKSPACE, schema_version
from services.web.resources import Resources

LEAST_FREE = 1024**3  # bytes; below it a database or a journal is about to stop
Finding = dict[str, object]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(json: Json = False) -> None:
    """Check the installation: reachable, migrated, safe, with room. Exit code 1 when something is wrong."""
    findings = with_resources(_examine, schema=False)
    print_rows(findings, json=json, empty="")
    if any(finding["verdict"] == "wrong" for finding in findings):
        raise typer.Exit(FAILED)


async def _examine(resources: Resources) -> list[Finding]:
    checks: list[tuple[str, Callable[[Resources], Awaitable[tuple[str, str]]]]] = [
        ("python", _python),
        ("processes", _processes),
        ("database", _database),
        ("schema", _schema),
        ("row-level security", _isolation),
        ("broker", _broker),
        ("dead letters", _dead_letters),
        ("cache", _cache),
        ("model store", _models),
        ("training", _training),
        ("disk", _disk),
    ]
    findings: list[Finding] = []
    for name, check in checks:
        try:
            verdict, what = await check(resources)
        except Exception as error:  # a doctor reports whatever is wrong, and goes on
            verdict, what = "wrong", f"{type(error).__name__}: {error}"
        findings.append({"check": name, "verdict": verdict, "finding": what})
    return findings


async def _python(_: Resources) -> tuple[str, str]:
    return "ok", sys.version.split()[0]


async def _processes(resources: Resources) -> tuple[str, str]:
    started = RecordFile(resources.settings.home.resolve()).record.processes()
    dead = [process.name for process in started if not process.alive()]
    if dead:
        return "wrong", f"no longer running: {', '.join(dead)}; see the logs, then `akin up`"
    return "ok", f"{len(started)} of `akin up` run" if started else "none of `akin up`"


async def _database(resources: Resources) -> tuple[str, str]:
    database = await resources.database()
    await database.check()
    return "ok", database.engine.dialect.name


async def _schema(resources: Resources) -> tuple[str, str]:
    current, newest = await schema_version(resources.settings.database)
    if current == newest:
        return "ok", f"revision {current}"
    return "wrong", f"revision '{current}', the code wants '{newest}': run `akin migrate`"


async def _isolation(resources: Resources) -> tuple[str, str]:
    database = await resources.database()
    if database.is_sqlite:
        return "ok", "not offered by SQLite; the conditions of the queries hold alone"
    async with database.reading(EVERY_WORKSPACE) as connection:
        query = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        if (await connection.execute(query)).scalar():
            return "wrong", "the database user passes it: connect as one that is no superuser"
    return "ok", "holds for the database user"


async def _broker(resources: Resources) -> tuple[str, str]:
    broker = await resources.broker()
    await broker.check()
    depths = [f"{name}: {await broker.depth(queue)} waiting" for name, queue in QUEUES.items()]
    return "ok", ", ".join(depths)


async def _dead_letters(resources: Resources) -> tuple[str, str]:
    letters = await (await resources.broker()).dead_letters(1)
    if letters:
        return "look", f"there are some: `akin dead-letters list` ({letters[0].reason})"
    return "ok", "none"


async def _cache(resources: Resources) -> tuple[str, str]:
    await (await resources.cache()).check()
    return "ok", resources.settings.cache.partition("://")[0]


async def _models(resources: Resources) -> tuple[str, str]:
    entry = resources.models().current("default", "recommendations")
    return "ok", f"serving {entry.version}" if entry else "no model yet in 'default'"


async def _training(_: Resources) -> tuple[str, str]:
    if importlib.util.find_spec("lightfm"):
        return "ok", "LightFM is there"
    return "look", "LightFM is not installed here: only popularity is trained"


async def _disk(resources: Resources) -> tuple[str, str]:
    home = resources.settings.home
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    return "ok" if free > LEAST_FREE else "wrong", f"{free / 1024**3:.1f} GiB free in AKIN_HOME"
