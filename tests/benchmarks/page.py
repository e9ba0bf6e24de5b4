"""The page docs/benchmarks.md: where, when and how it was measured, the table, and why a target was missed."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

import psutil

from services.cli.servers import Servers
from tests.benchmarks.figures import Row

PACKAGES = (
    "fastapi",
    "uvicorn",
    "uvloop",
    "pydantic",
    "sqlalchemy",
    "asyncpg",
    "redis",
    "aio-pika",
)

HEAD = """# Benchmarks

`make bench` writes this page. Akin and its reference take turns in one run, as processes of their own on one
machine, together with the load generator (32 connections, each sending its next request when it has its answer)
and private PostgreSQL, Redis and RabbitMQ. Absolute figures differ from machine to machine and from run to run;
a target is a ratio: the median over the rounds of the ratios of neighbours, in brackets the lowest and highest.
The targets and their reasons are those the design began with. No test asserts a time.
"""

AFTER = """
What the rows mean: the references are bare FastAPI routes that validate the same body and do nothing, a bare
FastAPI route with one Redis GET of a list that lies ready, inserts of the same columns with asyncpg in batches of
500 (one array a column), a bare FastAPI route that inserts one row and publishes one message for each request, and
what implicit, LightFM and EASE's algebra in numpy take for the very fits and
scorings that the training did. The queue is not
consumed while `POST /interact` and `POST /events` are measured. "Metrics off" means all of them, those of the
domain too.
"""


def page(rows: Sequence[Row], *, machine: Sequence[str], notes: Mapping[str, str]) -> str:
    """Return the page. `notes` say, by a row's key, why its target is missed."""
    lines = [HEAD, *(f"- {line}" for line in machine), "", *_table(rows), AFTER]
    missed = [row for row in rows if row.reached is False]
    if missed:
        lines.append("## Missed targets\n")
    lines.extend(f"**{row.what}**: {_why(row, notes)}\n" for row in missed)
    return "\n".join(lines)


def _table(rows: Sequence[Row]) -> list[str]:
    head = [
        "| what | Akin | reference | measured | target | reached |",
        "|---|---|---|---|---|---|",
    ]
    return head + [_line(row) for row in rows]


def _line(row: Row) -> str:
    reached = {True: "yes", False: "no", None: ""}[row.reached]
    spread = f" ({row.spread})" if row.spread else ""
    target = "" if row.target is None else f"{row.bound} {row.target:g} {row.unit}"
    cells = [
        row.what,
        row.akin,
        row.reference,
        f"{row.value:.2f} {row.unit}{spread}",
        target,
        reached,
    ]
    return f"| {' | '.join(cells)} |"


def _why(row: Row, notes: Mapping[str, str]) -> str:
    by_how_much = f"{row.value:.2f} {row.unit} instead of {row.bound} {row.target:g}."
    return f"{by_how_much} {notes.get(row.key, 'Not explained yet.')}"


def machine(servers: Servers, command: str) -> list[str]:
    """Return what there is to say about this machine and this run."""
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        f"{date.today().isoformat()}, `{command}`",  # noqa: DTZ011 - the reader's calendar
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}",
        f"Python {platform.python_version()}, {packages}",
        "; ".join(_server_versions(servers)),
    ]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.machine()
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0].split(":", 1)[1].strip() if names else platform.machine()


def _server_versions(servers: Servers) -> list[str]:
    found = []
    for name in ("postgresql", "redis"):  # RabbitMQ tells its version to nobody but a running node
        program = servers.by_name[name].program()
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        found.append(said.stdout.strip().split("sha=")[0].strip())
    return found
