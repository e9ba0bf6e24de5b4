"""From a corpus to the search that suits it: fitted on the past, chosen on what came after, judged on the rest.

The cases that can be judged are parted by time: the first half is learned from, the next fifth chooses and
calibrates, the last three tenths judge what was chosen and choose nothing. Then all of them are learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.anomaly_similarity.search.calibration import Calibration, prior
from services.anomaly_similarity.search.cases import Corpus
from services.anomaly_similarity.search.choosing import Choice, choose
from services.anomaly_similarity.search.embedder import Embedder, read
from services.anomaly_similarity.search.evaluation import (
    Judged,
    Numbers,
    judge,
    judgeable,
    random_scores,
)
from services.anomaly_similarity.search.fitting import SPACES, fit
from services.anomaly_similarity.search.held_out import (
    Certainty,
    HeldOut,
    certainty_of,
    hide,
    hold_out,
    pairs_of,
    share_without_key,
)
from services.anomaly_similarity.search.methods.blend import combined
from services.anomaly_similarity.search.model import Model
from services.anomaly_similarity.search.text import tokens
from services.anomaly_similarity.search.vocabulary import Entry, learn

LEARNED, CHOSEN = 0.5, 0.7  # of the cases that can be judged: the ends of the first two parts
FEWEST = 30  # queries with something to find, in either part; fewer choose by chance
UNCHOSEN = (
    "characters"  # where too few can choose: good on short texts wherever it was tried (KNOWHOW)
)
EVIDENCE = "words"  # always scored: whether the words are the same steadies the calibration
BUDGET = timedelta(minutes=10)
FIRST_FIT = 0.2  # of the budget: two more fits follow, which see more cases

Report = Callable[[str, float], None]  # takes the stage and the share of all that is done, 0..1


class NotEnoughCases(Exception):
    """There is no word to learn from."""

    def __init__(self) -> None:
        super().__init__("No anomaly has a description yet: add some first.")


@dataclass(frozen=True)
class TrainingReport:
    """What was tried and what came of it; but for the weights, empty where too few queries could be judged."""

    weights: Mapping[str, float]
    judged: Mapping[str, Judged] = field(
        default_factory=dict
    )  # by the last part; `chosen`, `random`, `champion` too
    chosen_by: Mapping[str, float] = field(default_factory=dict)  # the MRR on the part that chose
    certainty: Certainty | None = None  # on the last part
    certainty_of_answerable: Certainty | None = None  # on its queries with something to find
    seconds: Mapping[str, float] = field(default_factory=dict)  # to fit each method
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Trained:
    """The model, fitted to all cases, and the report."""

    model: Model
    report: TrainingReport


def train_on(
    corpus: Corpus,
    edits: Sequence[Entry] = (),
    *,
    embeddings: Path | None = None,
    budget: timedelta = BUDGET,
    report: Report = lambda *_: None,
    champion: Mapping[str, float] | None = None,
) -> Trained:
    """Choose, calibrate, judge and fit.

    `champion`: weights that were chosen before, to be judged beside, fitted to the same past.

    Raises:
        NotEnoughCases: there is no word at all.
        UnusableEmbeddings: `embeddings` is no folder with static embeddings that can be read.
    """
    if not any(tokens(case.description) for case in corpus.cases):
        raise NotEnoughCases
    embedder = read(embeddings) if embeddings else None
    known = judgeable(corpus)
    early, late = (int(share * len(known)) for share in (LEARNED, CHOSEN))
    report("choose", 0.0)
    seconds = FIRST_FIT * budget.total_seconds()
    choosing = _asked(corpus, known[early:late], tuple(SPACES), edits, seconds, embedder)
    report("judge", 0.4)
    judging = choosing and _asked(
        corpus, known[late:], tuple(choosing.scores), edits, embedder=embedder
    )
    if not choosing or not judging:
        return _untried(corpus, edits)
    weights = _chosen(corpus, known[early:late], choosing, edits)
    used = {**weights, EVIDENCE: weights.get(EVIDENCE, 0.0)}
    first, second = pairs_of(choosing, used), pairs_of(judging, used)
    fitted = first.calibrated() or prior(EVIDENCE)
    report("fit", 0.8)
    calibration = first.joined(second).calibrated() or fitted
    model = _final(corpus, edits, used, calibration, embedder)
    return Trained(model, _report(choosing, judging, used, fitted, champion))


def _chosen(
    corpus: Corpus, queries: Numbers, choosing: HeldOut, edits: Sequence[Entry]
) -> dict[str, float]:
    known = choosing.answerable()
    hidden = hide(corpus, queries, known, edits)
    share = share_without_key(corpus, queries)
    return choose(Choice(known.task, known.scores, hidden.scores, share))


def _report(
    choosing: HeldOut,
    judging: HeldOut,
    used: Mapping[str, float],
    fitted: Calibration,
    champion: Mapping[str, float] | None,
) -> TrainingReport:
    validation, test = choosing.answerable(), judging.answerable()
    return TrainingReport(
        weights=used,
        judged=_judged(test, used, champion),
        chosen_by={name: _mrr(validation, name) for name in validation.scores},
        certainty=certainty_of(pairs_of(judging, used), fitted),
        certainty_of_answerable=certainty_of(pairs_of(test, used), fitted),
        seconds=judging.seconds,
        notes=[f"No time was left for {name}." for name in choosing.unbegun],
    )


def _asked(
    corpus: Corpus,
    queries: Numbers,
    names: Iterable[str],
    edits: Sequence[Entry],
    seconds: float = float("inf"),
    embedder: Embedder | None = None,
) -> HeldOut | None:
    """Return what the methods say of these queries; None where too few have anything to find."""
    if len(queries) < FEWEST:
        return None
    found = hold_out(corpus, queries, names, edits, seconds=seconds, embedder=embedder)
    if EVIDENCE not in found.scores:  # no word came before these queries
        return None
    return found if len(found.answerable().task.queries) >= FEWEST else None


def _untried(corpus: Corpus, edits: Sequence[Entry]) -> Trained:
    note = f"Fewer than {FEWEST} queries could choose or judge: {UNCHOSEN} was taken untried."
    model = _final(corpus, edits, {UNCHOSEN: 1.0}, prior(UNCHOSEN))
    return Trained(model, TrainingReport(model.weights, notes=[note]))


def _judged(
    held: HeldOut, weights: Mapping[str, float], champion: Mapping[str, float] | None
) -> dict[str, Judged]:
    places, cases = held.task.relevant.shape
    scores = {"random": random_scores(places, cases), **held.scores}
    scores["chosen"] = combined(held.scores, weights)
    if champion and champion.keys() <= held.scores.keys():
        scores["champion"] = combined(held.scores, champion)
    return {name: judge(each, held.task) for name, each in scores.items()}


def _mrr(held: HeldOut, name: str) -> float:
    return float(judge(held.scores[name], held.task).reciprocal.mean())


def _final(
    corpus: Corpus,
    edits: Sequence[Entry],
    weights: Mapping[str, float],
    fitted: Calibration,
    embedder: Embedder | None = None,
) -> Model:
    vocabulary = learn([case.description for case in corpus.cases], edits)
    fits = fit(corpus, vocabulary, weights, embedder=embedder)
    return Model(vocabulary, fits, weights, fitted)
