"""The routes for components and people: the same verbs for both."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.anomaly_similarity import cursors
from services.anomaly_similarity import directory_schemas as schemas
from services.anomaly_similarity.dependencies import NONE, OfComponents, OfProfiles, Reader, Writer
from services.anomaly_similarity.directory_schemas import ComponentId, UserName
from services.anomaly_similarity.records import Counts
from services.anomaly_similarity.schemas import Limit, Written
from services.web import paths  # noqa: F401 - `:id` in the routes
from services.web.errors import NotFound

router = APIRouter()


@router.post("/components", response_model=Written)
async def post_components(
    body: schemas.Components, caller: Writer, components: OfComponents
) -> Written:
    """Record a component, or up to 1,000 at once. One whose id is known is replaced."""
    told = [each.model_dump() for each in body.components]
    return _written(await components.put(caller.workspace, told))


@router.get("/components", response_model=schemas.ComponentPage)
async def list_components(
    caller: Reader, components: OfComponents, limit: Limit = 50, cursor: str | None = None
) -> schemas.ComponentPage:
    """List components by id, also those that only an anomaly has named."""
    after = cursors.after_id(cursor)
    found = await components.page(caller.workspace, after=after, limit=limit + 1)
    page = [schemas.ComponentOut.model_validate(each) for each in found[:limit]]
    more = len(found) > limit
    ended = cursors.encode(page[-1].component_id) if more else None
    return schemas.ComponentPage(components=page, cursor=ended)


@router.put("/components/{component_id:id}", response_model=schemas.ComponentOut)
async def put_component(
    component_id: ComponentId,
    body: schemas.ComponentBody,
    caller: Writer,
    components: OfComponents,
) -> schemas.ComponentOut:
    """Record a component or replace what is known of it."""
    told = {"component_id": component_id, **body.model_dump()}
    await components.put(caller.workspace, [told])
    return schemas.ComponentOut.model_validate(told)


@router.get("/components/{component_id:id}", response_model=schemas.ComponentOut, responses=NONE)
async def get_component(
    component_id: ComponentId, caller: Reader, components: OfComponents
) -> schemas.ComponentOut:
    """Return a component."""
    found = await components.get(caller.workspace, component_id)
    if found is None:
        raise _no_component(component_id)
    return schemas.ComponentOut.model_validate(found)


@router.delete("/components/{component_id:id}", status_code=204, responses=NONE)
async def delete_component(
    component_id: ComponentId, caller: Writer, components: OfComponents
) -> Response:
    """Delete a component; anomalies that named it stay, without it."""
    if not await components.delete(caller.workspace, component_id):
        raise _no_component(component_id)
    return Response(status_code=204)


@router.post("/profiles", response_model=Written)
async def post_profiles(body: schemas.Profiles, caller: Writer, profiles: OfProfiles) -> Written:
    """Record a person, or up to 1,000 at once. One whose name is known is replaced."""
    told = [each.model_dump() for each in body.profiles]
    return _written(await profiles.put(caller.workspace, told))


@router.get("/profiles", response_model=schemas.ProfilePage)
async def list_profiles(
    caller: Reader, profiles: OfProfiles, limit: Limit = 50, cursor: str | None = None
) -> schemas.ProfilePage:
    """List people by name, also those that only an anomaly has named."""
    after = cursors.after_id(cursor)
    found = await profiles.page(caller.workspace, after=after, limit=limit + 1)
    page = [schemas.ProfileOut.model_validate(each) for each in found[:limit]]
    more = len(found) > limit
    ended = cursors.encode(page[-1].user_name) if more else None
    return schemas.ProfilePage(profiles=page, cursor=ended)


@router.put("/profiles/{user_name:id}", response_model=schemas.ProfileOut)
async def put_profile(
    user_name: UserName, body: schemas.ProfileBody, caller: Writer, profiles: OfProfiles
) -> schemas.ProfileOut:
    """Record a person or replace what is known of them."""
    told = {"user_name": user_name, **body.model_dump()}
    await profiles.put(caller.workspace, [told])
    return schemas.ProfileOut.model_validate(told)


@router.get("/profiles/{user_name:id}", response_model=schemas.ProfileOut, responses=NONE)
async def get_profile(
    user_name: UserName, caller: Reader, profiles: OfProfiles
) -> schemas.ProfileOut:
    """Return a person."""
    found = await profiles.get(caller.workspace, user_name)
    if found is None:
        raise _no_profile(user_name)
    return schemas.ProfileOut.model_validate(found)


@router.delete("/profiles/{user_name:id}", status_code=204, responses=NONE)
async def delete_profile(user_name: UserName, caller: Writer, profiles: OfProfiles) -> Response:
    """Delete a person; anomalies that named them stay, without them."""
    if not await profiles.delete(caller.workspace, user_name):
        raise _no_profile(user_name)
    return Response(status_code=204)


def _written(counts: Counts) -> Written:
    return Written(added=counts.added, updated=counts.updated, unchanged=counts.unchanged)


def _no_component(component_id: str) -> NotFound:
    return NotFound(f"Component '{component_id}' does not exist.", code="component_not_found")


def _no_profile(user_name: str) -> NotFound:
    return NotFound(f"Profile '{user_name}' does not exist.", code="profile_not_found")
