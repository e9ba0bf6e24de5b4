"""The routes for the vocabulary."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Response

from services.anomaly_similarity import cursors
from services.anomaly_similarity import vocabulary_schemas as schemas
from services.anomaly_similarity.dependencies import NONE, OfVocabulary, Reader, Writer
from services.anomaly_similarity.schemas import Limit, Query
from services.anomaly_similarity.search.vocabulary import Entry, Kind
from services.anomaly_similarity.vocabulary_schemas import OneWord, Term
from services.web import paths  # noqa: F401 - `:id` in the routes
from services.web.errors import NotFound

router = APIRouter()


@router.get("/vocabulary", response_model=schemas.VocabularyPage)
async def list_vocabulary(
    caller: Reader,
    vocabulary: OfVocabulary,
    q: Query = "",
    kind: Kind | None = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> schemas.VocabularyPage:
    """List what words are read as, by term: what was learned, and what operators say instead.

    `q` is looked for in terms and in what they stand for, without regard to case and accents.
    """
    after = cursors.after_id(cursor)
    found = await vocabulary.page(caller.workspace, text=q, kind=kind, after=after, limit=limit + 1)
    page = [_out(each) for each in found[:limit]]
    ended = cursors.encode(page[-1].term) if len(found) > limit else None
    return schemas.VocabularyPage(entries=page, cursor=ended)


@router.put("/vocabulary/{term:id}", response_model=schemas.EntryOut)
async def put_term(
    term: OneWord, body: schemas.EditBody, caller: Writer, vocabulary: OfVocabulary
) -> schemas.EntryOut:
    """Say what a word is read as, instead of what was learned.

    It tells in answers within seconds, and in the next training. Case and accents do not count.
    """
    entry = await vocabulary.put(caller.workspace, term, body.stands_for, body.kind)
    return _out(entry)


@router.delete("/vocabulary/{term:id}", status_code=204, responses=NONE)
async def delete_term(term: Term, caller: Writer, vocabulary: OfVocabulary) -> Response:
    """Take an edit back: what was learned holds again."""
    if not await vocabulary.undo(caller.workspace, term):
        raise NotFound(f"Nobody has edited '{term}'.", code="edit_not_found")
    return Response(status_code=204)


def _out(entry: Entry) -> schemas.EntryOut:
    return schemas.EntryOut(**asdict(entry))
