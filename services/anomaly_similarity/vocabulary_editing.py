"""The vocabulary of a workspace: what was learned, and what operators say instead."""

from __future__ import annotations

from datetime import UTC, datetime

from services.anomaly_similarity import repository, vocabulary_repository
from services.anomaly_similarity.search.text import fold, tokens
from services.anomaly_similarity.search.vocabulary import Entry, Kind
from services.anomaly_similarity.searcher import Searcher
from services.database import Database


class NotOneWord(ValueError):
    """The term is no word, or several, as texts are read."""


class VocabularyEditor:
    """Lists and edits what words stand for; an edit tells in the next answers and in the next training."""

    def __init__(self, database: Database, searcher: Searcher) -> None:
        self._database, self._searcher = database, searcher

    async def page(
        self, workspace: str, *, text: str, kind: Kind | None, after: str, limit: int
    ) -> list[Entry]:
        """Return the entries whose term follows `after`, by term; `text` is in the term or in its meaning."""
        found, wanted = await self._searcher.vocabulary(workspace), fold(text)
        entries = (
            entry
            for term, entry in sorted(found.entries.items())
            if term > after
            and kind in (None, entry.kind)
            and (wanted in term or wanted in entry.stands_for)
        )
        return [entry for entry, _ in zip(entries, range(limit), strict=False)]

    async def put(self, workspace: str, term: str, stands_for: str, kind: Kind) -> Entry:
        """Write an edit and return it as texts are read: without case and accents.

        Raises:
            NotOneWord: the term is no word, or several.
        """
        entry = Entry(word(term), " ".join(tokens(stands_for)), kind, edited=True)
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace)
            now = datetime.now(UTC)  # under the lock: a cleanup knows what came before it
            await vocabulary_repository.put(connection, workspace, entry, now)
        return entry

    async def undo(self, workspace: str, term: str) -> bool:
        """Take an edit back: what was learned holds again; tell whether there was one."""
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace)
            return await vocabulary_repository.remove(connection, workspace, " ".join(tokens(term)))


def word(text: str) -> str:
    """Return the one word that a text has.

    Raises:
        NotOneWord: it has none, or several.
    """
    found = tokens(text)
    if len(found) != 1:
        read = ", ".join(found) or "no word at all"
        raise NotOneWord(f"must be one word; it is read as {read}")
    return found[0]
