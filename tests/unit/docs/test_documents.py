"""The documents say what the code does."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import typer
from prometheus_client import REGISTRY

import services
from services.cli.main import app
from services.cli.settings import markdown_table
from services.messages.asyncapi import document

ROOT = Path(__file__).parents[3]


def test_the_asyncapi_document_describes_the_events_as_they_are():
    written = json.loads((ROOT / "docs" / "asyncapi.json").read_text())

    assert written == document(), "run: python -m services.messages.asyncapi > docs/asyncapi.json"


def test_the_readme_lists_every_setting_with_its_default_and_meaning():
    readme = (ROOT / "README.md").read_text()

    assert markdown_table() in readme, "run: akin settings --markdown, and paste it"


def test_the_readme_names_every_command_of_the_command_line():
    readme = (ROOT / "README.md").read_text()
    tour = readme.partition("## The command line")[2].partition("## Settings")[0]

    for words in _commands(typer.main.get_command(app)):
        assert words[0] in tour
        assert words[-1] in tour, f"akin {' '.join(words)} is not in the README"


def test_every_metric_stands_in_the_documents_with_its_labels_and_meaning():
    _import_everything()
    table = (ROOT / "docs" / "running.md").read_text()
    documented = set(re.findall(r"^\| `((?:akin|http)_\w+)`", table, re.MULTILINE))
    exported = {}
    for collector in list(REGISTRY._collector_to_names):
        for metric in getattr(collector, "describe", list)():
            name = metric.name + ("_total" if metric.type == "counter" else "")
            if name.startswith(("akin_", "http_")):
                labels = ", ".join(getattr(collector, "_labelnames", ()))
                exported[name] = f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |"

    assert documented == set(exported)
    for row in exported.values():
        assert row in table


def _commands(command) -> Iterator[list[str]]:
    for name, each in getattr(command, "commands", {}).items():
        if hasattr(each, "commands"):
            yield from ([name, *more] for more in _commands(each))
        else:
            yield [name]


def _import_everything() -> None:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
