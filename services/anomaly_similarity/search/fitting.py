"""All methods by name: what each is fitted to, and how it becomes one that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter

from services.anomaly_similarity.search.cases import Corpus
from services.anomaly_similarity.search.embedder import Embedder
from services.anomaly_similarity.search.methods import bm25, fields, labels, lsa, projected, tfidf
from services.anomaly_similarity.search.methods.embeddings import Embeddings
from services.anomaly_similarity.search.methods.interface import Fitted, Method
from services.anomaly_similarity.search.methods.shape import Shape
from services.anomaly_similarity.search.spaces import Kind, Space
from services.anomaly_similarity.search.vocabulary import Vocabulary

LEARNS_FROM_KEY = "labels"
EMBEDDINGS = "embeddings"
NOTHING = Fitted()
SPACES: Mapping[str, Kind | None] = {
    "words": "words",  # first: the calibration asks for it, however little time there is
    "bm25": "words",
    "characters": "characters",
    "lsa": "characters",
    "labels": "characters",
    "fields": "fields",
    "shape": None,
    EMBEDDINGS: None,
}


@dataclass
class Fits:
    """Spaces and methods that were fitted to one corpus."""

    vocabulary: Vocabulary
    embedder: Embedder | None = None
    spaces: dict[Kind, Space] = field(default_factory=dict)
    methods: dict[str, Fitted] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    unbegun: list[str] = field(default_factory=list)

    def load(self, name: str) -> Method:
        """Return this method, without cases."""
        if name == EMBEDDINGS:
            if self.embedder is None:
                raise ValueError("There are no embeddings to load the method with.")
            return Embeddings(self.vocabulary, self.embedder)
        kind = SPACES[name]
        if kind is None:
            return Shape()
        space, fitted = self.spaces[kind], self.methods[name]
        if name == "bm25":
            return bm25.load(space, fitted)
        if name in ("lsa", "labels"):
            return projected.Projected(space, fitted)
        return tfidf.load(space)


def fit(
    corpus: Corpus,
    vocabulary: Vocabulary,
    names: Iterable[str],
    *,
    seconds: float = float("inf"),
    embedder: Embedder | None = None,
) -> Fits:
    """Fit these methods; those that there is nothing for, or `seconds` no time, are left out."""
    fits, start = Fits(vocabulary, embedder), perf_counter()
    for name in names:
        begun = perf_counter()
        if fits.methods and begun - start > seconds:
            fits.unbegun.append(name)
            continue
        kind = SPACES[name]
        if kind is not None and kind not in fits.spaces:
            fits.spaces[kind] = _space(kind, corpus, vocabulary)
        if kind is not None:
            found = _fit(name, fits.spaces[kind], corpus)
        else:
            found = NOTHING if _there(name, corpus, embedder) else None
        if found is not None:
            fits.methods[name] = found
            fits.seconds[name] = perf_counter() - begun
    return fits


def _space(kind: Kind, corpus: Corpus, vocabulary: Vocabulary) -> Space:
    space = Space.fit(kind, corpus.cases, vocabulary, tuple(corpus.unsearched))
    return fields.weigh(space, corpus) if kind == "fields" else space


def _fit(name: str, space: Space, corpus: Corpus) -> Fitted | None:
    if not space.terms:
        return None
    fitted: Mapping[str, Callable[[], Fitted | None]] = {
        "bm25": lambda: bm25.fit(space, corpus.cases),
        "lsa": lambda: lsa.fit(space, corpus.cases),
        "labels": lambda: labels.fit(space, corpus),
    }
    return fitted[name]() if name in fitted else NOTHING


def _there(name: str, corpus: Corpus, embedder: Embedder | None) -> bool:
    """Tell whether there is what a method needs that is not fitted."""
    if name == EMBEDDINGS:
        return embedder is not None
    return any(case.shape is not None for case in corpus.cases)
