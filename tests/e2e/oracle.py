"""The oracle: holds the journal of a client against what the platform keeps and says.

Lost: acknowledged, but not in the table, or in the table but missing from what is derived from it.
Duplicated: counted more than once. Unexpected: never attempted, or not as it was sent.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from services.database import Database
from services.recommendations.tables import impressions, interactions, items
from tests.e2e.house import House
from tests.e2e.journal_client import Journal, Reaction
from tests.e2e.reader import Reader

COUNTERS_SETTLE = 40.0  # seconds
SHELF = 100  # items of one genre: what one request may list
SHOWN = 5  # findings of each kind in a message


@dataclass(slots=True)
class Verdict:
    """What was found; `str()` is the line to print."""

    attempted: int
    acknowledged: int
    stored: int
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"attempted {self.attempted}, acknowledged {self.acknowledged}, stored {self.stored}, "
            f"lost {len(self.lost)}, duplicated {len(self.duplicated)}, "
            f"unexpected {len(self.unexpected)}"
        )

    @property
    def findings(self) -> dict[str, list[str]]:
        """Return examples of what is wrong; empty when nothing is."""
        kinds = {"lost": self.lost, "duplicated": self.duplicated, "unexpected": self.unexpected}
        return {kind: found[:SHOWN] for kind, found in kinds.items() if found}


@dataclass(frozen=True, slots=True)
class Table:
    """The table `interactions` of one workspace, oldest first, and what each user was shown."""

    rows: Sequence[tuple[str, Reaction]]
    shown: Mapping[str, set[str]]

    def likes(self) -> Counter[str]:
        """Return how many reactions in favour each item has."""
        return Counter(reaction.item_id for _, reaction in self.rows if _in_favour(reaction))

    def latest(self) -> dict[str, dict[str, Reaction]]:
        """Return, by user and item, the latest reaction."""
        latest: dict[str, dict[str, Reaction]] = {}
        for _, reaction in self.rows:
            latest.setdefault(reaction.user_id, {})[reaction.item_id] = reaction
        return latest


async def read_table(database: Database, workspace: str) -> Table:
    """Return what the database has; an item number without an item gives the item id "?"."""
    shown: dict[str, set[str]] = {}
    async with database.reading(workspace) as connection:
        named = select(items.c.number, items.c.item_id).where(items.c.workspace == workspace)
        names = {row.number: row.item_id for row in await connection.execute(named)}
        columns = interactions.c
        reactions = (
            select(interactions)
            .where(interactions.c.workspace == workspace)
            .order_by(columns.occurred_at, columns.recorded_at, columns.event_id)
        )
        rows = [
            (r.event_id, Reaction(r.user_id, names.get(r.item_number, "?"), r.kind, r.value))
            for r in await connection.execute(reactions)
        ]
        lists = select(impressions).where(impressions.c.workspace == workspace)
        for row in await connection.execute(lists):
            numbers = memoryview(row.items).cast("i")
            shown.setdefault(row.user_id, set()).update(names.get(n, "?") for n in numbers)
    return Table(rows, shown)


async def judge(journal: Journal, house: House, reader: Reader) -> tuple[Verdict, Table]:
    """Return the verdict on everything but the lists, and the table that it rests on."""
    table = await read_table(house.data, house.workspace)
    verdict = compare(journal, table)
    await compare_answers(verdict, table, reader)
    return verdict, table


def compare(journal: Journal, table: Table) -> Verdict:
    """Return what the table and the journal disagree about."""
    verdict = Verdict(len(journal.attempted), len(journal.acknowledged), len(table.rows))
    stored = Counter(event_id for event_id, _ in table.rows)
    verdict.lost += sorted(journal.acknowledged - stored.keys())
    verdict.duplicated += [event_id for event_id, times in stored.items() if times > 1]
    for event_id, reaction in table.rows:
        if journal.attempted.get(event_id) != reaction:
            sent = journal.attempted.get(event_id)
            verdict.unexpected.append(f"{event_id}: {reaction} in place of {sent}")
    return verdict


async def compare_answers(verdict: Verdict, table: Table, reader: Reader) -> None:
    """Add to the verdict what histories and counters, as the API gives them, get wrong."""
    likes = table.likes()
    shelves = await reader.shelve({reaction.item_id for _, reaction in table.rows}, SHELF)
    counted = await _settled(likes, shelves, reader)
    for item_id in likes.keys() | counted.keys():
        difference = counted.get(item_id, 0) - likes[item_id]
        found = verdict.duplicated if difference > 0 else verdict.lost
        found += [f"a like of {item_id} (counter {counted.get(item_id, 0)})"] * abs(difference)
    for user_id, latest in table.latest().items():
        history = await reader.history(user_id)
        said = {entry["item_id"]: (entry["kind"], entry["value"]) for entry in history}
        wanted = {item_id: (r.kind, r.value) for item_id, r in latest.items()}
        verdict.lost += _named(user_id, wanted.keys() - said.keys())
        verdict.duplicated += _named(user_id, _repeated(entry["item_id"] for entry in history))
        wrong = {item_id for item_id in said if said[item_id] != wanted.get(item_id)}
        verdict.unexpected += _named(user_id, wrong)


async def _settled(likes: Counter[str], shelves: Sequence[str], reader: Reader) -> dict[str, int]:
    """Return the counters once they agree with the table, or as they are when they should have.

    A process reads them every five seconds, and seldomer where reading takes long.
    """
    deadline = time.monotonic() + COUNTERS_SETTLE
    while True:
        counted = await reader.likes(shelves)
        if counted == +likes or time.monotonic() > deadline:
            return counted
        await asyncio.sleep(0.5)


async def compare_lists(table: Table, reader: Reader, *, whole: bool) -> list[str]:
    """Return what is wrong with the lists of the first shelf: reactions that they do not know of.

    With `whole`, the list must have all that the user does not know, which the database tells; else
    the cache may know of lists that the database missed while it was away.
    """
    wrong = []
    shelf = set(await reader.genre("shelf-0"))
    for user_id, latest in table.latest().items():
        listed = await reader.recommended(user_id, genre="shelf-0", limit=SHELF if whole else 10)
        unknown = {item_id for item_id, source in listed.items() if source != "fallback"}
        disliked = {item_id for item_id, r in latest.items() if _against(r)}
        wrong += _named(user_id, unknown & latest.keys())
        wrong += _named(user_id, listed.keys() & disliked)
        if whole:
            expected = shelf - latest.keys() - table.shown.get(user_id, set())
            wrong += _named(user_id, unknown ^ expected)
    return wrong


def _in_favour(reaction: Reaction) -> bool:
    rated = reaction.kind == "rating" and (reaction.value or 0) > 2.5
    return rated or reaction.kind in ("like", "purchase", "view")


def _against(reaction: Reaction) -> bool:
    rated = reaction.kind == "rating" and (reaction.value or 0) <= 1
    return rated or reaction.kind == "dislike"


def _repeated(names: Iterable[str]) -> set[str]:
    return {name for name, times in Counter(names).items() if times > 1}


def _named(user_id: str, item_ids: Iterable[str]) -> list[str]:
    return [f"{user_id}: {item_id}" for item_id in item_ids]
