"""A space gives rows of length 1, and unknown terms make a row shorter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.anomaly_similarity.search.spaces import Space, fields_of
from services.anomaly_similarity.search.vocabulary import Entry, Vocabulary
from tests.unit.anomaly_similarity.search.fleet import case

CASES = [case(1, "pump leaking"), case(2, "pump cracked"), case(3, "valve leaking")]


def norm(space: Space, text: str) -> float:
    return float(np.linalg.norm(space.rows([case(9, text)]).toarray()))


def test_known_texts_have_length_one_and_nonsense_none():
    space = Space.fit("words", CASES, Vocabulary())

    assert norm(space, "pump leaking") == pytest.approx(1)
    assert norm(space, "xqzzw") == 0
    assert 0 < norm(space, "pump xqzzw") < 1
    assert norm(space, "") == 0


def test_a_rare_word_weighs_more_than_a_common_one():
    space = Space.fit("words", CASES, Vocabulary())

    assert space.idf[space.terms.index("valve")] > space.idf[space.terms.index("pump")]


def test_texts_are_read_by_the_vocabulary():
    space = Space.fit("words", CASES, Vocabulary.of([Entry("pmp", "pump", "abbreviation")]))

    assert norm(space, "pmp leaking") == pytest.approx(1)


def test_a_space_comes_back_from_its_arrays():
    space = Space.fit("characters", CASES, Vocabulary(), ["part"])

    again = Space.load("characters", space.arrays(), Vocabulary())

    assert (again.rows(CASES) != space.rows(CASES)).nnz == 0
    assert again.unsearched == ("part",)


def test_fields_are_those_that_have_a_value_and_may_be_searched():
    told = case(
        1, "", product="Pump 3", component_ids=("C1", "C2"), attributes={"part": "x", "site": " "}
    )
    space = Space.fit("fields", [told], Vocabulary(), ["part"])

    assert space.tokens(told) == [("product", "pump 3"), ("component", "c1"), ("component", "c2")]
    assert ("part", "x") in fields_of(told)


def test_shares_by_token_add_up():
    space = Space.fit("characters", CASES, Vocabulary())
    text = case(9, "pump pumping leak")

    row = space.row(text)
    shares = row.by_token(np.stack([np.ones(len(row.columns)), row.weights], axis=1))

    assert sum(shares.values()).tolist() == pytest.approx(
        [space.rows([text]).nnz, sum(row.weights)]
    )


@given(st.lists(st.sampled_from(["pump", "leak", "valve", "pumps", "unknown", "xq", ""])))
def test_a_row_alone_is_that_of_the_matrix(words: list[str]):
    space = Space.fit("characters", CASES, Vocabulary())
    text = case(9, " ".join(words))

    row, rows = space.row(text), space.rows([text])

    assert row.columns.tolist() == rows.indices.tolist()
    np.testing.assert_allclose(row.weights, rows.data, rtol=1e-5)
