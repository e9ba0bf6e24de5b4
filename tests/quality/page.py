"""docs/quality.md: one page, of which each command writes its own section and touches nothing else."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quality.md"
SECTIONS = ("movielens", "work-orders", "year")  # in the order of the page
HEAD = """# Quality

How good the answers are, each figure with its protocol and the command that prints it. The commands write their
sections; a test of the suite asserts none of these figures.
"""


def write_section(name: str, text: str, *, page: Path = PAGE) -> None:
    """Put the text where the page has the section `name`; the page is begun where there is none."""
    old = page.read_text() if page.exists() else _empty()
    begin, end = _marks(name)
    if begin not in old or end not in old:
        old = f"{old.rstrip()}\n\n{begin}\n{end}\n"
    before, _, rest = old.partition(begin)
    _, _, after = rest.partition(end)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}")


def machine(command: str, packages: Sequence[str]) -> str:
    """Return one line: when, by which command, on what."""
    memory = psutil.virtual_memory().total / 2**30
    parts = [
        f"{date.today().isoformat()}, `{command}`",  # noqa: DTZ011 - the reader's calendar
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB",
        f"Python {platform.python_version()}",
        *(f"{name} {found}" for name in packages if (found := _installed(name))),
    ]
    return ", ".join(parts) + "."


def _empty() -> str:
    marks = (mark for name in SECTIONS for mark in ("", *_marks(name)))
    return HEAD + "\n".join(marks) + "\n"


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: written by python -m tests.quality {name} -->", f"<!-- end of {name} -->"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
