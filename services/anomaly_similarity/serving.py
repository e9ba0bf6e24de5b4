"""What one workspace is searched in: its cases, under its model, in memory.

Every change of a record goes into the index that serves. What needs another index (a new model, an edit of the
vocabulary, an untrained model that has outgrown what it was fitted to) is built aside and swapped in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

from prometheus_client import Gauge, Histogram

from services.anomaly_similarity.following import FollowedCases
from services.anomaly_similarity.loading import UNFIT, ModelLoader, ServedModel
from services.anomaly_similarity.search.calibration import prior
from services.anomaly_similarity.search.cases import Case, Corpus
from services.anomaly_similarity.search.fitting import fit
from services.anomaly_similarity.search.index import Answer, CaseIndex
from services.anomaly_similarity.search.model import Model
from services.anomaly_similarity.search.training import UNCHOSEN
from services.anomaly_similarity.search.vocabulary import Entry, Vocabulary, learn
from services.database import Database

UNTRAINED = "untrained"  # the version of what is fitted here, where there is no model
SMALL = 1_000  # cases; to fit them anew takes 0.1 s, and a new one may well have new words
OUTGROWN = 2  # times the cases that an untrained model was fitted to
CLUTTER = (
    2  # rows for each case, those of replaced and deleted ones too, at which an index is made anew
)
# Seconds that an answer waits for an index with the newest edits; then the one before answers. 5,000 cases
# take 0.5 s, so that an edit tells in the very next answer of all but large workspaces.
PATIENCE = 1.0
CANARIES = 8  # cases that a new version must find

_cases = Gauge("akin_similarity_cases", "Past cases that can be found.", ["workspace"])
_seconds = Histogram(
    "akin_similarity_index_seconds",
    "Time to put all cases of a workspace under a model.",
    buckets=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
)


@dataclass(frozen=True, eq=False)
class Built:
    """An index and what it was built of; `index` is None where no case has a word."""

    index: CaseIndex | None
    vocabulary: Vocabulary
    threshold: float
    served: ServedModel | None
    edits: Sequence[Entry]
    fitted: int  # cases
    moves: int  # of the records, by then

    @property
    def version(self) -> str:
        """Return the version of the model."""
        return self.served.version if self.served else UNTRAINED


class Workspace:
    """One workspace, ready to be searched."""

    def __init__(self, name: str, database: Database, loader: ModelLoader) -> None:
        self.name = name
        self.records = FollowedCases(name)
        self._database, self._loader = database, loader
        self._served: ServedModel | None = None
        self._now: Built | None = None
        self._moves = 0  # how often the records changed
        self._touched: set[str] = set()  # ids that changed since an index is built
        self._building: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None  # look at the database that has not begun
        self._looking = asyncio.Lock()  # at the alias
        self._one = asyncio.Lock()  # an index is for one thread at a time

    async def follow(self) -> Built:
        """Catch up with the database; return what serves."""
        await self._catch_up()
        if self._now is None and self._building is None:
            await self._look()
        return await self._settle()

    async def tend(self) -> None:
        """Catch up with the database and the alias of the model; called now and then."""
        await self._catch_up()
        await self._look()
        await self._settle()

    async def search(
        self, query: Case, limit: int, allowed: Callable[[Case], bool] | None
    ) -> tuple[Built, Answer]:
        """Return the best cases, and what they were searched in."""
        while True:
            async with self._one:
                if (now := self._now) is not None:
                    if now.index is None:
                        return now, Answer([], True)
                    return now, await asyncio.to_thread(now.index.search, query, limit, allowed)
            await self.follow()

    def forget(self) -> None:
        """Leave the metrics; requests under way may still use it."""
        _cases.remove(self.name)

    async def close(self) -> None:
        """Let what is being built end."""
        if self._building is not None:
            await asyncio.wait({self._building})

    async def _catch_up(self) -> None:
        """Catch up with what was written before the call. Who waits at the same time shares one look."""
        if self._next is None:
            self._next = asyncio.create_task(self._follow_records())
        await asyncio.shield(self._next)

    async def _follow_records(self) -> None:
        async with self._one:
            self._next = None  # whoever calls from now on may have written after this look
            async with self._database.reading(self.name) as connection:
                moved = await self.records.follow(connection)
            if moved is None:
                return
            self._moves += 1
            self._touched |= moved.changed.keys() | moved.gone
            if moved.anew:
                self._served = self._now = None
            elif self._now and self._now.index:
                await asyncio.to_thread(_let_in, self._now.index, moved.changed, moved.gone)
            _cases.labels(self.name).set(len(self.records.cases))

    async def _look(self) -> None:
        async with self._looking:
            epoch, canaries = self.records.epoch, islice(self.records.cases.values(), CANARIES)
            served = await self._loader.follow(self.name, epoch, list(canaries), self._served)
            if epoch == self.records.epoch:
                self._served = served

    async def _settle(self) -> Built:
        """Build while what serves is stale, for as long as an answer can wait."""
        clock = asyncio.get_running_loop().time
        until = clock() + PATIENCE
        while self._now is None or self._is_stale(self._now):
            if self._building is None:
                self._building = asyncio.create_task(self._build())
            patience = max(0.0, until - clock()) if self._now else None
            done, _ = await asyncio.wait({self._building}, timeout=patience)
            for each in done:
                each.result()
            if self._now is not None and clock() >= until:
                break
        return self._now

    def _is_stale(self, now: Built) -> bool:
        records = self.records
        if now.served is not self._served or now.edits is not records.edits:
            return True
        if now.index is not None and now.index.rows > max(SMALL, CLUTTER * len(records.cases)):
            return True
        if now.served is not None or now.moves == self._moves:
            return False
        few = now.index is None or len(records.cases) <= SMALL
        return few or len(records.cases) >= OUTGROWN * now.fitted

    async def _build(self) -> None:
        """Build an index of what is there, then let in what changed meanwhile, and swap."""
        records, served, began = self.records, self._served, perf_counter()
        epoch, self._touched = records.epoch, set()
        wanted = list(records.cases.values()), records.edits, served, self._moves
        try:
            found = await asyncio.to_thread(_build, *wanted)
            async with self._one:
                if epoch != records.epoch:
                    return
                changed = {i: records.cases[i] for i in self._touched if i in records.cases}
                if found.index is not None and self._touched:
                    gone = self._touched - changed.keys()
                    await asyncio.to_thread(_let_in, found.index, changed, gone)
                self._now = found
            _seconds.observe(perf_counter() - began)
        except UNFIT as error:
            if served is None:
                raise
            self._loader.refuse(self.name, served, epoch, error)
            self._served = self._now.served if self._now else None
        finally:
            self._building = None


def _build(
    cases: Sequence[Case], edits: Sequence[Entry], served: ServedModel | None, moves: int
) -> Built:
    model = served.reading(edits) if served else untrained(cases, edits)
    index = CaseIndex(model) if model else None
    if index is not None:
        index.add(cases)
    threshold = model.calibration.threshold if model else 0.0
    vocabulary = model.vocabulary if model else Vocabulary.of(edits)
    return Built(index, vocabulary, threshold, served, edits, len(cases), moves)


def untrained(cases: Sequence[Case], edits: Sequence[Entry]) -> Model | None:
    """Return what can be served before any training; None where no case has a word."""
    corpus = Corpus.of(cases)
    vocabulary = learn([case.description for case in corpus.cases], edits)
    fits = fit(corpus, vocabulary, [UNCHOSEN])
    if UNCHOSEN not in fits.methods:
        return None
    return Model(vocabulary, fits, {UNCHOSEN: 1.0}, prior(UNCHOSEN))


def _let_in(index: CaseIndex, changed: Mapping[str, Case], gone: set[str]) -> None:
    index.remove(gone)
    if changed:
        index.add(list(changed.values()))
