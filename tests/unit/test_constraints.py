"""constraints.txt against pyproject.toml and what is installed; `make constraints` writes it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "constraints.txt").read_text()
# What each `make` target installs, as in the Makefile; an image of one service: base and serve.
SUBSETS = {
    "": ["tools", "base"],
    "serve": ["tools", "base", "serve"],
    "train": ["tools", "base", "train", "lightfm"],
    "full": ["tools", "base", "serve", "train", "lightfm"],
    "dev": ["tools", "base", "serve", "train", "lightfm", "embeddings", "dev"],
}


def parts() -> dict[str, list[Requirement]]:
    """The pinned requirements under each heading."""
    found: dict[str, list[Requirement]] = {}
    pins: list[Requirement] = []
    for line in TEXT.splitlines():
        if heading := re.fullmatch(r"# ([a-z]+)", line):
            pins = found.setdefault(heading[1], [])
        elif "==" in line:
            pins.append(Requirement(line.removesuffix(" \\")))
    return found


def needed(requirement: Requirement) -> Iterator[Requirement]:
    """What an installed package needs on this machine, with the extras that were asked for."""
    try:
        listed = [Requirement(line) for line in requires(requirement.name) or []]
    except PackageNotFoundError:
        return
    extras = requirement.extras or {""}
    for found in listed:
        if not found.marker or any(found.marker.evaluate({"extra": extra}) for extra in extras):
            yield found


def closure(requirement: Requirement) -> dict[str, Requirement]:
    """All that it needs, and what these need; by name and extras."""
    found: dict[str, Requirement] = {}
    waiting = list(needed(requirement))
    while waiting:
        one = waiting.pop()
        key = f"{canonicalize_name(one.name)}[{','.join(sorted(one.extras))}]"
        if key not in found:
            found[key] = one
            waiting.extend(needed(one))
    return found


def test_it_names_no_place_to_download_from() -> None:
    assert not re.search(r"https?:|--(index|extra-index|find-links|trusted)", TEXT)


def test_every_pin_has_a_hash() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", TEXT)[1:]
    assert len(entries) > 50
    assert all("--hash=sha256:" in entry for entry in entries)


def test_nothing_is_pinned_twice_for_the_same_python() -> None:
    names = [(pin.name, str(pin.marker)) for pins in parts().values() for pin in pins]
    assert len(names) == len(set(names))


def test_every_requirement_of_the_project_is_pinned_as_it_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [Requirement(r) for r in chain(project["dependencies"], *extras.values())]
    pins = [pin for part in parts().values() for pin in part]
    for requirement in wanted:
        matching = [pin for pin in pins if pin.name == canonicalize_name(requirement.name)]
        assert matching or requirement.name == "akin", requirement
        for pin in matching:
            version = str(pin.specifier).removeprefix("==")
            assert requirement.specifier.contains(version), pin


@pytest.mark.parametrize("extra", SUBSETS)
def test_a_subset_is_complete_so_that_it_can_be_installed_without_resolving(extra: str) -> None:
    pins = {pin.name for part in SUBSETS[extra] for pin in parts()[part]}
    names = {
        canonicalize_name(r.name) for r in closure(Requirement(f"akin[{extra or 'x'}]")).values()
    }
    assert names - pins <= {"akin"}


def test_a_machine_without_a_compiler_needs_nothing_that_is_compiled() -> None:
    for name in ("base", "serve", "train", "dev"):
        assert "lightfm-next" not in {pin.name for pin in parts()[name]}
