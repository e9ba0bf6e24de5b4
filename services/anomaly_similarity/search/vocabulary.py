"""The words of a domain: what an abbreviation, a synonym or a typo stands for.

Learned from the texts by stated rules, which an operator's edits overrule:

- typo: a word of `LONG` letters or more that is at least `RARER` times rarer than another one edit away (a
  letter more, less, other, or two swapped; the first letter kept); one that is there `SEEN` times may well be
  a word of its own and must stand among the same neighbours too (cosine of their counts ≥ `NEAR`);
- synonym: as a typo, but the one is the other with a plural's or a participle's ending (buckets: bucket);
- abbreviation: a word of 2 to `SHORT` letters that starts as a longer one and whose letters come in it in
  order (cyl: cylinder), and that stands among the same neighbours (cosine of their counts ≥ `ALIKE`).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import sqrt
from typing import Literal

from services.anomaly_similarity.search.text import tokens

Neighbours = defaultdict[str, Counter[str]]
Kind = Literal["abbreviation", "synonym", "typo"]

LONG = 6  # letters; one edit turns a shorter word into another word: belts and bolts
SHORT = 5  # letters of an abbreviation
RARER = 10  # times
ALIKE = 0.5  # cosine
NEAR = 0.2  # cosine
SEEN = 5  # times a word must be there for its neighbours to tell anything
COMMONER = 2  # times an abbreviation may be commoner than what it stands for
FEWER_LETTERS = 2  # an abbreviation saves so many at least
ENDINGS = ("s", "d", "es", "ed", "er", "ers", "ing")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Entry:
    """`term` is read as `stands_for` (one token or more); `edited` by an operator, or learned."""

    term: str
    stands_for: str
    kind: Kind
    edited: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """Entries by term. An edit that stands for its own term keeps it as it is."""

    entries: Mapping[str, Entry] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Vocabulary:
        """Return the vocabulary; of two entries for a term the edited one counts."""
        found: dict[str, Entry] = {}
        for entry in entries:
            if entry.term not in found or entry.edited:
                found[entry.term] = entry
        return cls(found)

    @property
    def version(self) -> str:
        """Return a hash of what the terms stand for: equal for two vocabularies that read texts alike."""
        lines = [f"{term}\t{self.entries[term].stands_for}\n" for term in sorted(self.entries)]
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]

    def read(self, text: str) -> list[str]:
        """Return the tokens of a text, each as what it stands for."""
        found: list[str] = []
        for token in tokens(text):
            entry = self.entries.get(token)
            found.extend(entry.stands_for.split() if entry else (token,))
        return found


def learn(texts: Sequence[str], edits: Iterable[Entry] = ()) -> Vocabulary:
    """Return what the rules find in these texts, and the edits, which go before it."""
    written = [tokens(text) for text in texts]
    counts = Counter(token for words in written for token in words)
    kept = list(edits)
    fixed = {entry.term for entry in kept}
    around = _neighbours(written)
    found = [*_typos(counts, around), *_abbreviations(counts, around)]
    learned = {entry.term: entry for entry in found if entry.term not in fixed}
    every = {**learned, **{entry.term: entry for entry in kept}}
    return Vocabulary.of([*kept, *(_settled(entry, every) for entry in learned.values())])


def _settled(entry: Entry, every: Mapping[str, Entry]) -> Entry:
    """Return the entry with what its word stands for in the end: repalced, replaced, replace."""
    seen = {entry.term}
    while (further := every.get(entry.stands_for)) and further.stands_for not in seen:
        seen.add(entry.stands_for)
        entry = replace(entry, stands_for=further.stands_for)
    return entry


def _typos(counts: Mapping[str, int], around: Neighbours) -> Iterator[Entry]:
    for term, times in counts.items():
        if len(term) < LONG or not term.isalpha():
            continue
        near = [
            other
            for other in _one_edit(term)
            if counts.get(other, 0) >= RARER * times
            and (times < SEEN or _cosine(around[term], around[other]) >= NEAR)
        ]
        if near:
            other = max(near, key=lambda other: (counts[other], other))
            ending = _inflected(other, term) or _inflected(term, other)
            yield Entry(term, other, "synonym" if ending else "typo")


def _one_edit(term: str) -> Iterator[str]:
    """Yield what is one edit away, the first letter kept."""
    for place in range(1, len(term) + 1):
        head, tail = term[:place], term[place:]
        yield from (head + letter + tail for letter in LETTERS)
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in LETTERS if letter != tail[0])
        if len(tail) > 1 and tail[0] != tail[1]:
            yield head + tail[1] + tail[0] + tail[2:]


def _abbreviations(counts: Mapping[str, int], around: Neighbours) -> Iterator[Entry]:
    by_letter: defaultdict[str, list[str]] = defaultdict(list)
    for term, times in counts.items():
        if times >= SEEN and term.isalpha():
            by_letter[term[0]].append(term)
    for terms in by_letter.values():
        for short in terms:
            if not 2 <= len(short) <= SHORT:
                continue
            found = [
                (alike, long)
                for long in terms
                if counts[long] * COMMONER >= counts[short]
                and _abbreviates(short, long)
                and (alike := _cosine(around[short], around[long])) >= ALIKE
            ]
            if found:
                yield Entry(short, max(found)[1], "abbreviation")


def _abbreviates(short: str, long: str) -> bool:
    if len(long) < len(short) + FEWER_LETTERS or _inflected(short, long):
        return False
    rest = iter(long)
    return all(letter in rest for letter in short)


def _inflected(short: str, long: str) -> bool:
    """Tell whether the long one is the short one with an ending: leak and leaking are two words."""
    ending = long.removeprefix(short)
    return ending != long and (
        ending in ENDINGS or (ending[1:] in ENDINGS and ending[0] == short[-1])
    )


def _neighbours(written: Sequence[list[str]]) -> Neighbours:
    around: Neighbours = defaultdict(Counter)
    for words in written:
        for left, right in pairwise(words):
            around[left][f"{right}>"] += 1
            around[right][f"<{left}"] += 1
    return around


def _cosine(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    product = sum(count * other.get(term, 0) for term, count in one.items())
    norms = sum(c * c for c in one.values()) * sum(c * c for c in other.values())
    return product / sqrt(norms) if norms else 0.0
