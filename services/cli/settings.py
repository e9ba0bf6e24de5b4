"""`akin settings`: every setting, its default and its meaning, read from the settings classes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from services.accounts.config import AccountsSettings
from services.anomaly_similarity.config import AnomalySimilaritySettings
from services.cli.console import Json, output, print_rows
from services.recommendations.config import RecommendationsSettings
from services.web.config import PlatformSettings

CLASSES: tuple[type[BaseSettings], ...] = (
    PlatformSettings,
    AccountsSettings,
    RecommendationsSettings,
    AnomalySimilaritySettings,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(settings)


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="As the README's table.")] = False,
    json: Json = False,
) -> None:
    """List every setting: an environment variable, its default and its meaning; `*` marks those set."""
    if markdown:
        output.print(markdown_table(), markup=False, highlight=False)
        return
    rows = [
        {
            "set": "*" if name in os.environ else "",
            "variable": name,
            "default": default,
            "meaning": meaning,
        }
        for name, default, meaning in described()
    ]
    print_rows(rows, json=json, empty="")


def described() -> list[tuple[str, str, str]]:
    """Return each setting's variable, default and meaning, in the order of the classes."""
    return [
        (
            f"{cls.model_config.get('env_prefix', '')}{name}".upper(),
            _default(field),
            _meaning(field),
        )
        for cls in CLASSES
        for name, field in cls.model_fields.items()
    ]


def markdown_table() -> str:
    """Return the table that stands in the README."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in described()]
    return "\n".join(lines)


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        home = Path.home()
        return f"`~/{field.get_default(call_default_factory=True).relative_to(home)}`"
    value = field.default
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())
