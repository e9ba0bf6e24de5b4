"""A field that tells relevant cases apart weighs, one that does not weighs nothing."""

from services.anomaly_similarity.search.methods.fields import field_weights, weigh
from services.anomaly_similarity.search.spaces import Space
from services.anomaly_similarity.search.vocabulary import Vocabulary
from tests.unit.anomaly_similarity.search.fleet import case, fleet


def test_only_what_tells_cases_apart_has_weight():
    corpus = fleet()
    space = Space.fit("fields", corpus.cases, Vocabulary(), tuple(corpus.unsearched))

    weights = field_weights(space, corpus)

    assert set(weights) == {"product", "shift"}  # the key itself is not searched
    assert weights["product"] > 1
    assert weights["shift"] == 0


def test_without_labels_there_are_no_weights():
    corpus = type(fleet()).of([case(1, "x", product="a"), case(2, "y", product="a")])

    assert field_weights(Space.fit("fields", corpus.cases, Vocabulary()), corpus) == {}


def test_a_field_may_have_a_colon_in_its_name():
    told = [("x", "1"), ("y", "2"), ("x", "1"), ("y", "2")]
    cases = [case(i, "", attributes={"part": p, "site: hall": h}) for i, (p, h) in enumerate(told)]
    corpus = type(fleet()).of(cases, key=("part",))

    space = weigh(Space.fit("fields", cases, Vocabulary(), ["part"]), corpus)

    assert (space.idf > 0).all()
