"""What holds for every method: a case is most like itself, adding is all there is to it, and reasons add up."""

from importlib.util import find_spec

import numpy as np
import pytest

from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.search.embedder import read
from services.anomaly_similarity.search.fitting import EMBEDDINGS, SPACES, fit
from services.anomaly_similarity.search.methods.blend import Blend
from services.anomaly_similarity.search.methods.interface import Method
from services.anomaly_similarity.search.vocabulary import Vocabulary
from tests.unit.anomaly_similarity.search.fleet import case, fleet
from tests.unit.anomaly_similarity.search.static_model import static_model

CORPUS = fleet()
SHAPES = np.sin(np.arange(len(CORPUS.cases))[:, None] + np.linspace(0, 9, 40))
CASES = [
    Case(
        c.anomaly_id,
        c.description,
        c.timestamp,
        product=c.product,
        attributes=c.attributes,
        shape=s,
    )
    for c, s in zip(CORPUS.cases, SHAPES, strict=True)
]
FITS = fit(type(CORPUS).of(CASES, key=CORPUS.key), Vocabulary(), tuple(SPACES))
FITTED = [name for name in SPACES if name != EMBEDDINGS]
EVERY = [*SPACES, "blend"]


@pytest.fixture(scope="module", autouse=True)
def _embedder(tmp_path_factory: pytest.TempPathFactory) -> None:
    if find_spec("model2vec"):
        FITS.embedder = read(static_model(tmp_path_factory.mktemp("embeddings")))


def load(name: str) -> Method:
    if name == EMBEDDINGS and not FITS.embedder:
        pytest.skip("the extra `embeddings` is not installed")
    if name == "blend":
        return Blend(
            {each: FITS.load(each) for each in FITTED}, {"labels": 1.0, "shape": 0.5, "lsa": 0.3}
        )
    return FITS.load(name)


@pytest.mark.parametrize("name", EVERY)
def test_no_case_is_more_like_a_text_than_the_same_text(name: str):
    method = load(name)
    method.add(CASES)

    scores = method.score(CASES)

    assert scores.shape == (len(CASES), len(CASES))
    assert np.diag(scores).min() > 0
    if name != "bm25":  # which has a longer text with the same words further down, or up
        assert (np.diag(scores) >= scores.max(axis=1) - 1e-5).all()


@pytest.mark.parametrize("name", EVERY)
def test_cases_added_one_by_one_score_as_those_added_together(name: str):
    together, single = load(name), load(name)
    together.add(CASES)
    for each in CASES:
        single.add([each])

    np.testing.assert_allclose(single.score(CASES[:9]), together.score(CASES[:9]), atol=1e-5)
    assert single.size == len(CASES)


@pytest.mark.parametrize("name", EVERY)
def test_a_query_alone_scores_as_among_others_and_some_cases_as_all(name: str):
    method = load(name)
    method.add(CASES)
    together = method.score(CASES[:9])

    for query, expected in zip(CASES[:9], together, strict=True):
        np.testing.assert_allclose(method.score([query])[0], expected, atol=1e-5)
        np.testing.assert_allclose(method.score_of(query, [40, 3]), expected[[40, 3]], atol=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_a_case_is_wholly_like_itself_and_likeness_has_no_direction(name: str):
    method = load(name)
    method.add(CASES)

    likeness = method.likeness([40, 3, 7], [3, 7, 40])

    assert likeness[[0, 1, 2], [2, 0, 1]] == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(likeness, method.likeness([3, 7, 40], [40, 3, 7]).T, atol=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_reasons_add_up_to_the_score(name: str):
    method = load(name)
    method.add(CASES)

    scores = method.score([CASES[5]])[0, [0, 7, 40]]
    for score, reasons in zip(scores, method.reasons(CASES[5], [0, 7, 40]), strict=True):
        assert sum(reason.contribution for reason in reasons) == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_query_is_like_nothing_and_no_case_is_no_error(name: str):
    method = load(name)
    nothing = case(999, "")

    assert method.score([nothing]).shape == (1, 0)
    method.add([nothing, *CASES])
    assert not method.score([nothing]).any()
    assert not method.likeness([0], [0, 1]).any()
    assert not method.score_of(nothing, [3, 0]).any()
    assert method.reasons(nothing, [3, 0]) == [[], []]


@pytest.mark.parametrize("name", ["bm25", "lsa", "labels"])
def test_the_same_cases_give_the_same_method(name: str):
    again = fit(type(CORPUS).of(CASES, key=CORPUS.key), Vocabulary(), [name])

    assert FITS.methods[name].arrays
    for key, array in FITS.methods[name].arrays.items():
        np.testing.assert_allclose(again.methods[name].arrays[key], array, atol=1e-5)
