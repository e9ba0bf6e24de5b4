"""`akin models`: which versions there are, which one is served, and going back."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.console import Json, WorkspaceName, output, print_json, print_rows
from services.model_store import AliasEntry, ModelStore
from services.web.config import PlatformSettings

app = typer.Typer(no_args_is_help=True, help="List, promote and roll back model versions.")

Name = Annotated[str, typer.Option("--name", help="The model.")]


def _store() -> ModelStore:
    return ModelStore(PlatformSettings().models)


@app.command("list")
def list_versions(
    workspace: WorkspaceName = "default", name: Name = "recommendations", json: Json = False
) -> None:
    """List the versions of a model, newest first, and which one is served."""
    store = _store()
    champion = store.current(workspace, name)
    rows = [
        {
            "version": manifest.version,
            "served": "*" if champion and champion.version == manifest.version else "",
            "kind": manifest.serving.get("kind"),
            "created_at": manifest.created_at.isoformat(timespec="seconds"),
            "interactions": manifest.data.rows,
            "ndcg@10": _metric(manifest.metrics),
        }
        for manifest in store.versions(workspace, name)
    ]
    print_rows(rows, json=json, empty="No version yet: run `akin train recommendations`.")


def _metric(metrics: dict[str, object]) -> object:
    value = metrics.get("ndcg@10")
    return round(value, 4) if isinstance(value, float) else value


@app.command()
def promote(
    version: str,
    workspace: WorkspaceName = "default",
    name: Name = "recommendations",
    reason: Annotated[str, typer.Option(help="Why; kept in the history.")] = "by hand",
    json: Json = False,
) -> None:
    """Serve a version. Services take it over within seconds."""
    store = _store()
    current = store.current(workspace, name)
    expected = current.generation if current else None
    _tell(store.promote(workspace, name, version, expected=expected, reason=reason), json=json)


@app.command()
def rollback(
    workspace: WorkspaceName = "default",
    name: Name = "recommendations",
    to: Annotated[str | None, typer.Option(help="The version; default: the one before.")] = None,
    json: Json = False,
) -> None:
    """Serve the version before again, or a named one."""
    _tell(_store().rollback(workspace, name, to=to), json=json)


def _tell(entry: AliasEntry, *, json: bool) -> None:
    if json:
        print_json({"version": entry.version, "generation": entry.generation, "at": entry.at})
        return
    output.print(f"Served from now on: {entry.version} ({entry.reason}).")
