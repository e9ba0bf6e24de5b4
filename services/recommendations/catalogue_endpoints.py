"""The routes for the catalogue, the models and the workspace as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response

from services.model_store import (
    AliasMoved,
    DamagedVersion,
    ModelStore,
    NoEarlierVersion,
    UnknownVersion,
)
from services.recommendations import schemas
from services.recommendations.catalogue import Item
from services.recommendations.dependencies import kept
from services.recommendations.editing import Editor, with_details
from services.recommendations.endpoints import decode_cursor, encode_cursor
from services.recommendations.loading import MODEL
from services.recommendations.schemas import Genre, Limit, ModelName, Text
from services.security.scopes import Scope
from services.web import paths  # noqa: F401 - `:id` in the routes
from services.web.errors import Conflict, Forbidden, NotFound
from services.web.gate import Caller, requires
from services.web.schemas import ErrorBody, Id, Responses

router = APIRouter()

SHOWN = 20  # versions and moves of a model in one answer, the newest

_NONE: Responses = {404: {"model": ErrorBody, "description": "Does not exist in this workspace."}}
_TAKEN: Responses = {409: {"model": ErrorBody, "description": "There is nothing to go back to."}}


Editing = Annotated[Editor, kept("catalogue_editor")]
Models = Annotated[ModelStore, kept("models")]
Reader = Annotated[Caller, requires(Scope.RECOMMENDATIONS_READ)]
Writer = Annotated[Caller, requires(Scope.CATALOGUE_WRITE)]


@router.post("/add_items", response_model=schemas.ItemsAdded)
async def add_items(body: schemas.AddItems, caller: Writer, editing: Editing) -> schemas.ItemsAdded:
    """Add items, or give known ones other genres and titles. A new item can appear at once."""
    genres = dict(zip(body.item_ids, body.genres, strict=True))
    titles = dict(zip(body.item_ids, body.titles or [], strict=False))
    change = with_details(genres, titles)
    added, updated = await editing.upsert(caller.workspace, body.item_ids, change)
    return schemas.ItemsAdded(added=added, updated=updated)


@router.get("/items", response_model=schemas.ItemPage)
async def list_items(
    caller: Reader,
    editing: Editing,
    q: Text | None = None,
    genre: Genre | None = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> schemas.ItemPage:
    """List items, those with `q` in title or id, those of a genre. Hidden ones too: they say `"hidden": true`."""
    found = await editing.find(
        caller.workspace, text=q, genre=genre, after=decode_cursor(cursor) - 1, limit=limit + 1
    )
    page = found[:limit]
    return schemas.ItemPage(
        items=[_out(item) for item in page],
        cursor=encode_cursor(page[-1].number + 1) if len(found) > limit else None,
    )


@router.put("/items/{item_id:id}", response_model=schemas.ItemOut)
async def put_item(
    item_id: Id, body: schemas.ItemBody, caller: Writer, editing: Editing
) -> schemas.ItemOut:
    """Add an item or replace what is known of it. A hidden one never appears."""

    told = _told(body, schemas.ItemBody.model_fields)
    await editing.upsert(caller.workspace, [item_id], lambda item: replace(item, **told))
    return schemas.ItemOut(item_id=item_id, **body.model_dump())


@router.patch("/items/{item_id:id}", response_model=schemas.ItemOut, responses=_NONE)
async def patch_item(
    item_id: Id, body: schemas.ItemPatch, caller: Writer, editing: Editing
) -> schemas.ItemOut:
    """Change some of what is known of an item, as `{"hidden": true}` does; the rest stays."""
    told = _told(body, body.model_fields_set)
    item = await editing.change(caller.workspace, item_id, lambda item: replace(item, **told))
    if item is None:
        raise _no_item(item_id)
    return _out(item)


@router.get("/items/{item_id:id}", response_model=schemas.ItemOut, responses=_NONE)
async def get_item(item_id: Id, caller: Reader, editing: Editing) -> schemas.ItemOut:
    """Return an item."""
    item = await editing.get(caller.workspace, item_id)
    if item is None:
        raise _no_item(item_id)
    return _out(item)


@router.delete("/items/{item_id:id}", status_code=204, responses=_NONE)
async def delete_item(item_id: Id, caller: Writer, editing: Editing) -> Response:
    """Take an item out of the catalogue; it appears in no list any more."""
    if not await editing.delete(caller.workspace, item_id):
        raise _no_item(item_id)
    return Response(status_code=204)


@router.get("/models/{name}", response_model=schemas.ModelOut, responses=_NONE)
async def get_model(name: ModelName, caller: Reader, models: Models) -> schemas.ModelOut:
    """Tell which version of a model is served, and which others there are."""
    return await asyncio.to_thread(_describe, models, caller.workspace, name)


@router.post("/models/{name}/rollback", response_model=schemas.AliasMove, responses=_NONE | _TAKEN)
async def roll_back(
    name: ModelName,
    caller: Annotated[Caller, requires(Scope.MODELS_ADMIN)],
    models: Models,
    body: schemas.Rollback | None = None,
) -> schemas.AliasMove:
    """Serve an earlier version of a model again; it takes effect within seconds."""
    _known(name)
    version = body.version if body else None
    try:
        entry = await asyncio.to_thread(models.rollback, caller.workspace, name, to=version)
    except UnknownVersion as error:
        raise NotFound(str(error), code="version_not_found") from error
    except (NoEarlierVersion, DamagedVersion, AliasMoved) as error:
        raise Conflict(str(error), code="cannot_roll_back") from error
    return schemas.AliasMove.model_validate(entry, from_attributes=True)


@router.get("/cleanup", response_model=schemas.Cleaned)
async def clean_up(
    request: Request,
    caller: Annotated[Caller, requires(Scope.PLATFORM_ADMIN)],
    editing: Editing,
) -> schemas.Cleaned:
    """Delete everything of the caller's workspace, for good: items, users, interactions, models."""
    if not request.app.state.allow_cleanup:
        raise Forbidden("This installation does not allow it.", code="cleanup_not_allowed")
    await editing.clean(caller.workspace)
    return schemas.Cleaned(message="Everything of this workspace is gone.")


def _describe(models: ModelStore, workspace: str, name: str) -> schemas.ModelOut:
    _known(name)
    champion = models.current(workspace, name)
    moves = models.history(workspace, name)[:SHOWN]
    return schemas.ModelOut(
        name=name,
        champion=schemas.AliasMove.model_validate(champion, from_attributes=True)
        if champion
        else None,
        history=[schemas.AliasMove.model_validate(move, from_attributes=True) for move in moves],
        versions=[
            schemas.ModelVersion(
                version=manifest.version,
                created_at=manifest.created_at,
                kind=manifest.serving.get("kind"),
                metrics=manifest.metrics,
                data={"rows": manifest.data.rows, "users": manifest.data.users},
            )
            for manifest in models.versions(workspace, name)[:SHOWN]
        ],
    )


def _known(name: str) -> None:
    if name != MODEL:
        raise NotFound(f"Model '{name}' does not exist.", code="model_not_found")


def _no_item(item_id: str) -> NotFound:
    return NotFound(f"Item '{item_id}' does not exist.", code="item_not_found")


def _told(body: schemas.ItemBody, names: Iterable[str]) -> dict[str, Any]:
    """Return these fields of a body, as an item has them."""
    values = {
        "title": body.title,
        "genres": tuple(body.genres),
        "labels": dict(body.labels),
        "published_at": body.published_at,
        "hidden": body.hidden,
    }
    return {name: values[name] for name in names}


def _out(item: Item) -> schemas.ItemOut:
    return schemas.ItemOut(
        item_id=item.item_id,
        title=item.title,
        genres=list(item.genres),
        labels=dict(item.labels),
        published_at=item.published_at,
        hidden=item.hidden,
    )
