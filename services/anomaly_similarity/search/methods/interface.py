"""What every method gives: scores of all the cases it was given, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.anomaly_similarity.search.cases import Case, Floats

T = TypeVar("T", bound=np.generic)
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Reason:
    """What one term of the query adds to a score."""

    field: str
    term: str
    contribution: float


@dataclass(frozen=True)
class Fitted:
    """A method as plain arrays, for the model store, and the parameters that it was fitted with."""

    arrays: Arrays = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Method(Protocol):
    """Cases that can be searched. Their numbers are the order in which they were added."""

    @property
    def size(self) -> int:
        """Return how many cases were added."""

    def add(self, cases: Sequence[Case]) -> None:
        """Make these cases searchable, behind those that are there."""

    def score(self, queries: Sequence[Case]) -> Floats:
        """Return new scores (queries, size): the higher, the more alike; 0 where nothing is known."""

    def score_of(self, query: Case, numbers: Sequence[int]) -> Floats:
        """Return the scores (n,) of these cases alone."""

    def likeness(self, numbers: Sequence[int], others: Sequence[int]) -> Floats:
        """Return the cosines (n, k) between the first and the second cases; 0 where nothing is known."""

    def reasons(self, query: Case, numbers: Sequence[int]) -> list[list[Reason]]:
        """Return for each of these cases what adds up to its score, the greatest first; nothing that is 0."""


def grown(array: NDArray[T], size: int) -> NDArray[T]:
    """Return the array with room for `size` rows; a quarter more, so that growing costs little per row."""
    if size <= len(array):
        return array
    room = np.zeros((size + size // 4, *array.shape[1:]), array.dtype)  # takes no memory till used
    room[: len(array)] = array
    return room


def transposed(shares: Mapping[tuple[str, str], Floats], cases: int) -> list[list[Reason]]:
    """Return the reasons of each case for what each (field, term) contributes to each (cases,)."""
    told = [(token, share.tolist()) for token, share in shares.items()]
    return [ordered({token: each[place] for token, each in told}) for place in range(cases)]


def ordered(shares: Mapping[tuple[str, str], float]) -> list[Reason]:
    """Return the reasons for what each (field, term) contributes."""
    found = [Reason(*token, value) for token, value in shares.items() if value]
    return sorted(found, key=lambda reason: (-abs(reason.contribution), reason.term))
