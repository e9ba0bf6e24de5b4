"""What two liked films of a kind do to the next list of somebody of whom nothing else is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.recommendations.datasets import Dataset
from services.recommendations.models import Fitted
from services.recommendations.scoring import History, Scorer
from services.recommendations.tuning import placed

GENRES = (
    "Children",
    "Sci-Fi",
    "Comedy",
    "Musical",
    "Romance",
    "Horror",
    "Film-Noir",
    "War",
    "Western",
)
KNOWN = 15  # likes: nobody begins with a film that hardly anybody has seen
PEOPLE = 100  # made up, for each genre
LENGTH = 10

Numbers = NDArray[np.intp]


def kinds(fitted: Fitted, dataset: Dataset) -> str:
    """Return the part of the section; nothing where hardly any film is known."""
    scorer, generator = placed(fitted, dataset), np.random.default_rng(0)
    likes = np.bincount(dataset.interactions.liked.items, minlength=dataset.size)
    known = np.flatnonzero(likes >= KNOWN)
    if len(known) < 2:
        return ""
    of_any = _lists(scorer, known, generator)
    rows = []
    for genre in GENRES:
        having = np.array([item.number for item in dataset.items if genre in item.genres])
        of_kind = np.intersect1d(known, having)
        if len(of_kind) < 2:
            continue
        lists = _lists(scorer, of_kind, generator)
        shares = np.isin(of_any, having).mean(), np.isin(lists, having).mean()
        some = np.isin(lists, having).any(axis=1).mean()
        rows.append(f"| {genre} | {shares[0]:.2f} | {shares[1]:.2f} | {some:.2f} |")
    return "\n".join([
        "### Two liked films of a kind",
        "",
        f"{PEOPLE} made-up people for each genre like two films, of the {len(known):,} with at least {KNOWN} likes, and"
        f" nothing else. Of their list of {LENGTH} by the model in bold above: how much is of a genre where the two were"
        " any films, and where they were of that genre; and how many then get any of it.",
        "",
        "| genre | after any two | after two of it | people who get some |",
        "|---|---|---|---|",
        *rows,
    ])  # fmt: skip


def _lists(scorer: Scorer, among: Numbers, generator: np.random.Generator) -> Numbers:
    pairs = [generator.choice(among, 2, replace=False).astype(np.int32) for _ in range(PEOPLE)]
    scores = scorer.score([History(pair, np.ones(2, np.float32)) for pair in pairs])
    for row, pair in zip(scores, pairs, strict=True):
        row[pair] = -np.inf
    return np.argsort(-scores, axis=1)[:, :LENGTH]
