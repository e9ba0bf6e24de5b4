"""The documents say what the code does."""

import json
from pathlib import Path

from services.cli.settings import markdown_table
from services.messages.asyncapi import document

ROOT = Path(__file__).parents[3]


def test_the_asyncapi_document_describes_the_events_as_they_are():
    written = json.loads((ROOT / "docs" / "asyncapi.json").read_text())

    assert written == document(), "run: python -m services.messages.asyncapi > docs/asyncapi.json"


def test_the_readme_lists_every_setting_with_its_default_and_meaning():
    readme = (ROOT / "README.md").read_text()

    assert markdown_table() in readme, "run: akin settings --markdown, and paste it"
