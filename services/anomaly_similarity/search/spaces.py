"""From cases to sparse rows: which terms a case has, and what each of them says (TF-IDF).

A row is (1 + log count) · idf, idf = 1 + log((1 + cases) / (1 + cases with the term)), of length 1. Terms that
no case of the corpus had have no column, but count towards the length: a text of such terms alone is a row of
zeros, and one that is half unknown can be half as similar at most. So nonsense resembles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from services.anomaly_similarity.search.cases import Case, Floats, Ints
from services.anomaly_similarity.search.text import fold, grams
from services.anomaly_similarity.search.vocabulary import Vocabulary
from services.model_store import decode_strings, encode_strings

Kind = Literal["words", "characters", "fields"]
Token = tuple[str, str]  # the field, and the token in it

MOST_TERMS = 100_000  # the commonest; 200 dimensions for each are 80 MB
REMEMBERED = 200_000  # tokens whose terms are kept; texts repeat the same few thousand
SEPARATOR = "\x1f"  # of a field and its value: no value has a control character, but an attribute may have a colon
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Row:
    """One case: its columns, ascending, how often each is there, its weights (c,), and where its tokens lie.

    `places` has the place among the columns of each term of each token in order, `tokens` how many terms each
    token has; `unknown` terms have no column.
    """

    columns: Ints
    counts: Floats
    weights: Floats
    places: NDArray[np.intp]
    tokens: Sequence[tuple[Token, int]]
    unknown: int

    def by_token(self, contributions: Floats) -> dict[Token, Floats]:
        """Return each token's share (k,) of what the columns contribute (c, k).

        A column that several tokens have is shared among them.
        """
        each = (contributions / self.counts[:, None])[self.places]
        shares: dict[Token, Floats] = {}
        start = 0
        for token, size in self.tokens:
            part = each[start : start + size].sum(axis=0)
            shares[token] = shares[token] + part if token in shares else part
            start += size
        return shares


class Space:
    """The terms of one kind in a corpus, and their weights. `unsearched` attributes have no terms."""

    def __init__(
        self,
        kind: Kind,
        terms: Sequence[str],
        idf: NDArray[Any],
        *,
        cases: int,
        vocabulary: Vocabulary,
        unsearched: Sequence[str] = (),
    ) -> None:
        if len(terms) != len(idf) or not np.isfinite(idf).all():
            raise ValueError("The space has not one finite weight for each of its terms.")
        self.kind, self.cases, self.vocabulary = kind, cases, vocabulary
        self.unsearched = tuple(sorted(unsearched))
        self.terms = list(terms)
        self.idf: Floats = np.asarray(idf, np.float32)
        self.unknown_idf = 1 + np.log(1 + cases)
        self._columns = {term: column for column, term in enumerate(self.terms)}
        self._known: dict[Token, tuple[Ints, int]] = {}
        self._last: tuple[Sequence[Case], sparse.csr_array] | None = None
        self._asked: tuple[Case, Row] | None = None

    @classmethod
    def fit(
        cls,
        kind: Kind,
        cases: Sequence[Case],
        vocabulary: Vocabulary,
        unsearched: Sequence[str] = (),
    ) -> Space:
        """Return the space of the terms that these cases have."""
        probe = cls(kind, [], np.zeros(0), cases=0, vocabulary=vocabulary, unsearched=unsearched)
        with_term: dict[str, int] = {}
        of_token: dict[Token, list[str]] = {}
        for case in cases:
            found: set[str] = set()
            for token in probe.tokens(case):
                if token not in of_token:
                    of_token[token] = probe.terms_of(token)
                found.update(of_token[token])
            for term in found:
                with_term[term] = with_term.get(term, 0) + 1
        terms = sorted(with_term, key=lambda term: (-with_term[term], term))[:MOST_TERMS]
        counts = np.array([with_term[term] for term in terms], np.float64)
        idf = 1 + np.log((1 + len(cases)) / (1 + counts))
        return cls(kind, terms, idf, cases=len(cases), vocabulary=vocabulary, unsearched=unsearched)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `load` takes, as plain arrays."""
        hidden = encode_strings(self.unsearched, name="unsearched")
        cases = np.array([self.cases], np.int64)
        return {
            **encode_strings(self.terms, name="terms"),
            **hidden,
            "idf": self.idf,
            "cases": cases,
        }

    @classmethod
    def load(cls, kind: Kind, arrays: Mapping[str, NDArray[Any]], vocabulary: Vocabulary) -> Space:
        """Return the space; raise `ValueError` where its arrays do not fit."""
        return cls(
            kind,
            decode_strings(arrays, name="terms"),
            arrays["idf"],
            cases=int(arrays["cases"][0]),
            vocabulary=vocabulary,
            unsearched=decode_strings(arrays, name="unsearched"),
        )

    def tokens(self, case: Case) -> list[Token]:
        """Return the tokens of a case, one as often as it is there."""
        if self.kind == "fields":
            return [token for token in fields_of(case) if token[0] not in self.unsearched]
        return [("description", token) for token in self.vocabulary.read(case.description)]

    def terms_of(self, token: Token) -> list[str]:
        """Return the terms of a token: itself, or its n-grams."""
        if self.kind == "fields":
            return [SEPARATOR.join(token)]
        return grams(token[1]) if self.kind == "characters" else [token[1]]

    def columns(self, token: Token) -> tuple[Ints, int]:
        """Return the columns of a token's terms, one as often as it is there, and how many have none."""
        found = self._known.get(token)
        if found is None:
            terms = self.terms_of(token)
            columns = [self._columns[term] for term in terms if term in self._columns]
            found = np.array(columns, np.int32), len(terms) - len(columns)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[token] = found
        return found

    def counts(self, cases: Sequence[Case]) -> tuple[sparse.csr_array, Floats]:
        """Return counts (n, terms), and how many terms of each case have no column (n,)."""
        columns, sizes, unknown = [np.zeros(0, np.int32)], [0], np.zeros(len(cases), np.float32)
        for row, case in enumerate(cases):
            found = [self.columns(token) for token in self.tokens(case)]
            columns.extend(each for each, _ in found)
            sizes.append(sum(len(each) for each, _ in found))
            unknown[row] = sum(missing for _, missing in found)
        flat = np.concatenate(columns)
        rows = sparse.csr_array(
            (np.ones(len(flat), np.float32), flat, np.cumsum(sizes)),
            shape=(len(cases), len(self.terms)),
        )
        rows.sum_duplicates()
        return rows, unknown

    def rows(self, cases: Sequence[Case]) -> sparse.csr_array:
        """Return the TF-IDF rows (n, terms) of these cases. The last ones are kept: several methods ask."""
        if self._last is not None and self._last[0] is cases:
            return self._last[1]
        rows, unknown = self.counts(cases)
        rows.data = (1 + np.log(rows.data)) * self.idf[rows.indices]
        squares = np.asarray(rows.multiply(rows).sum(axis=1)).ravel()
        lengths = np.sqrt(squares + unknown * self.unknown_idf**2)
        rows.data /= np.repeat(np.maximum(lengths, TINY), np.diff(rows.indptr)).astype(np.float32)
        self._last = (cases, rows)
        return rows

    def row(self, case: Case) -> Row:
        """Return the TF-IDF row of one case. The last one is kept: several methods ask, and ask again why."""
        if self._asked is not None and self._asked[0] is case:
            return self._asked[1]
        found = [(token, *self.columns(token)) for token in self.tokens(case)]
        flat = np.concatenate([np.zeros(0, np.int32), *(columns for _, columns, _ in found)])
        columns, places, times = np.unique(flat, return_inverse=True, return_counts=True)
        unknown = sum(missing for _, _, missing in found)
        counts = times.astype(np.float32)
        weights = (1 + np.log(counts)) * self.idf[columns]
        length = np.sqrt(weights @ weights + unknown * self.unknown_idf**2)
        weights /= np.float32(max(length, TINY))
        tokens = [(token, len(columns)) for token, columns, _ in found]
        row = Row(columns, counts, weights, places, tokens, unknown)
        self._asked = (case, row)
        return row


def fields_of(case: Case) -> list[Token]:
    """Return the structured fields of a case with their values, folded; empty values are none."""
    pairs = [("severity", case.severity), ("product", case.product)]
    pairs += [("component", each) for each in case.component_ids]
    pairs += [("component_type", each) for each in case.component_types]
    pairs += [("location", each) for each in case.locations]
    pairs += list(case.attributes.items())
    return [(name, folded) for name, value in pairs if (folded := fold(value))]
