"""The routes for people: lists, histories, what is popular."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from services.recommendations import list_schemas as schemas
from services.recommendations.controls import Parameters
from services.recommendations.filter_text import FilterText
from services.recommendations.filters import compile_filter
from services.recommendations.listing import Place, Recommendations, Wish
from services.recommendations.schemas import Diversity, Genre, Limit, UserId
from services.recommendations.service import Recommender
from services.security.scopes import Scope
from services.web import paths  # noqa: F401 - `:id` in the routes
from services.web.errors import Unprocessable
from services.web.gate import Caller, requires
from services.web.schemas import ErrorBody, Id, Responses

router = APIRouter()

MAX_EXCLUDED = (
    200  # ids in one request's `exclude`: a longer URL is more than servers read (64 KiB)
)

_BAD: Responses = {
    400: {"model": ErrorBody, "description": "Understood, but not possible; says why."}
}
_NONE: Responses = {404: {"model": ErrorBody, "description": "Nothing left, or no such thing."}}


async def _recommender(request: Request) -> Recommender:
    recommender: Recommender = request.app.state.recommender
    return recommender


Excluded = Annotated[list[Id], Query(max_length=MAX_EXCLUDED)]
Lists = Annotated[Recommender, Depends(_recommender)]
Reader = Annotated[Caller, requires(Scope.RECOMMENDATIONS_READ)]


@router.get("/recs/{user_id:id}", response_model=schemas.RecommendationList)
async def recommend(
    user_id: UserId,
    caller: Reader,
    lists: Lists,
    limit: Limit | None = None,
    genre: Genre | None = None,
    exclude: Excluded = [],  # noqa: B006 - FastAPI copies it
    filter: FilterText | None = None,  # noqa: A002 - its name in the contract
    diversity: Diversity | None = None,
    explain: Annotated[bool | None, Query()] = None,
    scenario: Id | None = None,
) -> Response:
    """Recommend items to a user, known or not. What was shown counts as seen from now on."""
    wanted = None if filter is None else compile_filter(filter)
    asked = Parameters(limit, genre, wanted, exclude or None, diversity, explain=explain)
    wish = Wish(asked, scenario)
    return _json(_list(await lists.recommend(caller.workspace, user_id, wish)))


@router.post("/recs/batch", response_model=schemas.BatchAnswer)
async def recommend_to_many(body: schemas.BatchRequest, caller: Reader, lists: Lists) -> Response:
    """Recommend items to many users at once; what was shown counts as seen from now on."""
    wish = _wish(body, explain=body.explain)
    made = await lists.recommend_to_many(caller.workspace, body.user_ids, wish)
    return _json({"lists": [{"user_id": each.user_id, **_list(each)} for each in made]})


@router.post(
    "/recommendations", response_model=schemas.RecommendationAnswer, responses=_BAD | _NONE
)
async def recommend_from_history(
    body: schemas.RecommendationRequest, caller: Reader, lists: Lists
) -> Response:
    """Recommend from a history of ratings, which is recorded; somebody without an id gets one."""
    made = await lists.recommend_from_history(
        caller.workspace, body.user_id, body.history, limit=body.limit
    )
    return _json({"user_id": made.user_id, **_answer(made)})


@router.post("/sessions/recommendations", response_model=schemas.SessionAnswer, responses=_BAD)
async def recommend_to_session(
    body: schemas.SessionRequest, caller: Reader, lists: Lists
) -> Response:
    """Recommend from a history of ratings, and remember nothing of it."""
    wish = _wish(body)
    return _json(_answer(await lists.recommend_to_session(caller.workspace, body.history, wish)))


@router.get("/users/{user_id:id}/why/{item_id:id}", response_model=schemas.WhyOut, responses=_NONE)
async def explain(user_id: UserId, item_id: Id, caller: Reader, lists: Lists) -> schemas.WhyOut:
    """Say how an item scores for a user, and why, or why it cannot appear."""
    found, version = await lists.why(caller.workspace, user_id, item_id)
    return schemas.WhyOut(
        user_id=user_id,
        item_id=found.item.item_id,
        title=found.item.title,
        model_version=version,
        score=found.score,
        rest=found.rest,
        contributions=[
            schemas.ContributionOut(
                item_id=each.item.item_id,
                title=each.item.title,
                weight=each.weight,
                contribution=each.contribution,
            )
            for each in found.contributions
        ],
        rank=found.rank,
        of=found.of,
        obstacles=list(found.obstacles),
        own_reaction=found.weight,
        times_shown=found.times_shown,
        exploration=schemas.Exploration(likes=found.likes, shows=found.shows),
        rules=[rule.name for rule in found.rules],
    )


@router.get("/items/{item_id:id}/similar", response_model=schemas.SimilarList, responses=_NONE)
async def similar(
    item_id: Id, caller: Reader, lists: Lists, limit: Limit = 10, genre: Genre | None = None
) -> schemas.SimilarList:
    """List items like an item: what the same people like, and what has its genres."""
    found = await lists.similar(caller.workspace, item_id, genre=genre, limit=limit)
    return schemas.SimilarList(
        item_id=item_id,
        items=[
            schemas.SimilarItem(
                item_id=each.item.item_id,
                title=each.item.title,
                score=each.score,
                reason=each.reason,
            )
            for each in found
        ],
    )


@router.get("/users/{user_id:id}/history", response_model=schemas.HistoryPage)
async def history(
    user_id: UserId, caller: Reader, lists: Lists, limit: Limit = 50, cursor: str | None = None
) -> schemas.HistoryPage:
    """List the latest reaction of a user to each item, the newest first."""
    start = decode_cursor(cursor)
    everything = await lists.history(caller.workspace, user_id)
    page = everything[start : start + limit]
    more = start + limit < len(everything)
    return schemas.HistoryPage(
        user_id=user_id,
        history=[
            schemas.HistoryEntry(
                item_id=item.item_id, title=item.title, kind=kind, value=value, timestamp=at
            )
            for item, kind, value, at in page
        ],
        cursor=encode_cursor(start + limit) if more else None,
    )


@router.get("/popular", response_model=schemas.PopularList)
async def popular(
    caller: Reader, lists: Lists, genre: Genre | None = None, limit: Limit = 10
) -> schemas.PopularList:
    """List what most people liked."""
    places = await lists.popular(caller.workspace, genre=genre, limit=limit)
    return schemas.PopularList(
        items=[
            schemas.PopularItem(
                item_id=place.item.item_id,
                title=place.item.title,
                genres=list(place.item.genres),
                likes=int(place.ranked.score),
            )
            for place in places
        ]
    )


def encode_cursor(position: int) -> str:
    """Return the opaque form of a position in a listing."""
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def decode_cursor(cursor: str | None) -> int:
    """Return the position that `encode_cursor` made opaque; 0 for none.

    Raises:
        Unprocessable: it is not one of ours.
    """
    if cursor is None:
        return 0
    try:
        position = int(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        position = -1
    if not 0 <= position < 2**31:
        detail = {"field": "query.cursor", "message": "not a cursor of this listing"}
        raise Unprocessable("The cursor does not fit.", details=[detail])
    return position


def _wish(body: schemas.ListWish, *, explain: bool | None = None) -> Wish:
    wanted = None if body.filter is None else compile_filter(body.filter)
    asked = Parameters(
        body.limit, body.genre, wanted, body.exclude or None, body.diversity, explain=explain
    )
    return Wish(asked, body.scenario)


def _list(made: Recommendations) -> dict[str, object]:
    return {
        "item_ids": [place.item.item_id for place in made.places],
        "items": [_place(place) for place in made.places],
        "recommendation_id": made.shown.recommendation_id,
        "model_version": made.shown.model_version,
        "experiment": made.shown.experiment,
        "variant": made.shown.variant,
        "degraded": made.degraded,
    }


def _answer(made: Recommendations) -> dict[str, object]:
    return {
        "recommendations": [_place(place) for place in made.places],
        "recommendation_id": made.shown.recommendation_id,
        "model_version": made.shown.model_version,
        "ignored_items": made.ignored,
    }


def _place(place: Place) -> dict[str, object]:
    return {
        "item_id": place.item.item_id,
        "title": place.item.title,
        "score": place.ranked.score,
        "source": place.ranked.source,
        "reason": place.reason,
    }


def _json(content: dict[str, object]) -> Response:
    # Ready bytes: FastAPI would validate and encode the list once more (docs/benchmarks.md).
    return Response(orjson.dumps(content), media_type="application/json")
