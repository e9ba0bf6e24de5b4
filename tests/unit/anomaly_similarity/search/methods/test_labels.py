"""What is learned from the key: other words for the same fault are near, the same words for another are not."""

from services.anomaly_similarity.search.cases import Corpus
from services.anomaly_similarity.search.fitting import fit
from services.anomaly_similarity.search.vocabulary import Vocabulary
from tests.unit.anomaly_similarity.search.fleet import case


def test_words_that_the_key_calls_the_same_are_alike():
    told = [
        ("hose burst", "leak"),
        ("oil everywhere", "leak"),
        ("bolt loose", "loose"),
        ("nut gone", "loose"),
    ]
    cases = [case(i, text, attributes={"mode": mode}) for i, (text, mode) in enumerate(told * 5)]
    method = fit(Corpus.of(cases, key=("mode",)), Vocabulary(), ["labels"]).load("labels")
    method.add(cases[:4])

    scores = method.score([case(99, "hose burst")])[0]

    assert scores[1] > 0.5 * scores[0]
    assert abs(scores[2]) < 0.1 * scores[0]


def test_without_values_of_the_key_there_is_no_such_method():
    corpus = Corpus.of([case(1, "hose burst"), case(2, "bolt loose")], key=("mode",))

    assert "labels" not in fit(corpus, Vocabulary(), ["words", "labels"]).methods
