from __future__ import annotations

from pathlib import Path

import pytest

from tests.quality.page import machine, write_section


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "docs" / "quality.md"


def test_a_section_replaces_itself_and_nothing_else(page: Path) -> None:
    write_section("year", "## Year\n\nold", page=page)
    write_section("movielens", "## MovieLens", page=page)
    page.write_text(page.read_text() + "\nSomebody's own words.\n")
    write_section("year", "## Year\n\nnew", page=page)
    text = page.read_text()
    assert "old" not in text
    assert text.count("## Year") == 1
    assert text.index("# Quality") < text.index("## MovieLens") < text.index("new")
    assert text.endswith("Somebody's own words.\n")


def test_writing_the_same_again_changes_nothing(page: Path) -> None:
    write_section("movielens", "text", page=page)
    once = page.read_text()
    write_section("movielens", "text", page=page)
    assert page.read_text() == once


def test_a_section_that_the_page_lacks_is_added_at_its_end(page: Path) -> None:
    page.parent.mkdir()
    page.write_text("# Quality\n")
    write_section("year", "text", page=page)
    assert page.read_text().startswith("# Quality\n\n<!-- year")
    assert "text" in page.read_text()


def test_the_machine_is_described_with_the_command_and_what_is_installed() -> None:
    line = machine("python -m x", ["numpy", "no-such-package"])
    assert "`python -m x`" in line
    assert "numpy 2." in line
    assert "no-such-package" not in line
