"""The page that a full run writes."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.benchmarks.figures import Row

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
NOTES = Path(__file__).with_name("missed.md")  # why a target is missed: a paragraph a key, by hand

HEAD = """# Benchmarks

Measured by `make bench` on {date}: {machine}. Akin and its reference take turns in one run, on the same cores \
as the load generator and the servers; a figure is the median of the rounds, a ratio the median of the ratios \
of neighbouring rounds. Absolute figures drift with the machine, ratios hardly.

| what | Akin | reference | measured | target | reached |
| --- | --- | --- | --- | --- | --- |
"""


def write(rows: Sequence[Row], seconds: float) -> None:
    """Write the page: the table, and for each missed target by how much and why."""
    PAGE.write_text(render(rows, machine=_machine(), date=_today(), notes=_notes(), took=seconds))


def render(
    rows: Sequence[Row], *, machine: str, date: str, notes: dict[str, str], took: float
) -> str:
    """Return the page."""
    page = HEAD.format(date=date, machine=machine) + "".join(map(_line, rows))
    page += f"\nThe whole run took {took / 60:.0f} minutes.\n"
    missed = [row for row in rows if row.reached is False]
    if missed:
        page += "\n## Missed\n"
    for row in missed:
        why = notes.get(row.key, "Not explained yet.")
        page += f"\n**{row.what}**: {_value(row)}, the target is {_target(row)}. {why}\n"
    return page


def _line(row: Row) -> str:
    verdict = {True: "yes", False: "**no**", None: ""}[row.reached]
    cells = (row.what, row.akin, row.reference, _value(row), _target(row), verdict)
    return f"| {' | '.join(cells)} |\n"


def _value(row: Row) -> str:
    return f"{row.value:,.2f} {row.unit}"


def _target(row: Row) -> str:
    return "" if row.target is None else f"{row.bound} {row.target:g} {row.unit}"


def _notes() -> dict[str, str]:
    parts = NOTES.read_text().split("\n## ")[1:] if NOTES.exists() else []
    return {key.strip(): text.strip() for key, _, text in (p.partition("\n") for p in parts)}


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = psutil.virtual_memory().total / 1024**3
    parts = (f"{name} {version(name)}" for name in ("fastapi", "uvicorn", "numpy", "sqlalchemy"))
    return (
        f"{psutil.cpu_count()} cores ({model}), {memory:.0f} GiB, "
        f"Python {platform.python_version()}, {', '.join(parts)}"
    )
