"""`akin models`: which versions there are, which one is served, and going back."""

from __future__ import annotations

from typing import Annotated

import typer

from services.anomaly_similarity.loading import MODEL as SIMILARITY
from services.cli.console import Json, WorkspaceName, output, print_json, print_rows
from services.model_store import AliasEntry, Manifest, ModelStore
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
            "created_at": manifest.created_at,
            **_trained(manifest),
        }
        for manifest in store.versions(workspace, name)
    ]
    print_rows(rows, json=json, empty=f"No version yet: run `akin train {name}`.")


def _trained(manifest: Manifest) -> dict[str, object]:
    """Return how much the version was trained on, and how it did."""
    if manifest.name == SIMILARITY:
        return {"anomalies": manifest.data.rows, "p@1": _precision(manifest)}
    return {"interactions": manifest.data.rows, "ndcg@10": _ndcg(manifest)}


def _precision(manifest: Manifest) -> object:
    judged = manifest.metrics["evaluation"]["methods"]
    return next((each["p_at_1"][0] for each in judged if each["method"] == "chosen"), None)


def _ndcg(manifest: Manifest) -> object:
    """Return the best hold-out NDCG@10 of the training's models: the published one has it."""
    values = [
        measures["ndcg"]
        for measures in manifest.metrics.values()
        if isinstance(measures, dict) and isinstance(measures.get("ndcg"), float)
    ]
    return round(max(values), 4) if values else None


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
    reason: Annotated[str, typer.Option(help="Why; kept in the history.")] = "by hand",
    json: Json = False,
) -> None:
    """Serve the version before again, or a named one. A second rollback goes further back."""
    _tell(_store().rollback(workspace, name, to=to, reason=reason), json=json)


@app.command()
def history(
    workspace: WorkspaceName = "default", name: Name = "recommendations", json: Json = False
) -> None:
    """List which version was served since when, and why; newest first."""
    rows = [
        {
            "since": move.at,
            "version": move.version,
            "why": move.reason,
        }
        for move in _store().history(workspace, name)
    ]
    print_rows(rows, json=json, empty="No version was served yet.")


def _tell(entry: AliasEntry, *, json: bool) -> None:
    if json:
        print_json({"version": entry.version, "generation": entry.generation, "at": entry.at})
        return
    output.print(f"Served from now on: {entry.version} ({entry.reason}).")
