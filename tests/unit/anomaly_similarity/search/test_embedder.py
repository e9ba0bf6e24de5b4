"""Embeddings come from a local folder alone, and a model knows by which ones it was trained."""

import json
from pathlib import Path

import numpy as np
import pytest

from services.anomaly_similarity.search.calibration import prior
from services.anomaly_similarity.search.cases import Corpus
from services.anomaly_similarity.search.embedder import UnusableEmbeddings, read
from services.anomaly_similarity.search.fitting import EMBEDDINGS, fit
from services.anomaly_similarity.search.index import CaseIndex
from services.anomaly_similarity.search.model import EmbeddingsMismatch, Model, load
from services.anomaly_similarity.search.training import EVIDENCE, train_on
from services.anomaly_similarity.search.vocabulary import Vocabulary
from tests.unit.anomaly_similarity.search.fleet import case, fleet
from tests.unit.anomaly_similarity.search.static_model import MEANINGS, static_model

model2vec = pytest.importorskip("model2vec", reason="the extra `embeddings` is not installed")
WORDS = Vocabulary()


@pytest.fixture(autouse=True)
def _read_anew() -> None:
    read.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return static_model(tmp_path / "embeddings")


def embedded(folder: Path) -> Model:
    corpus = Corpus.of([case(1, "bucket leaking"), case(2, "bucket cracked"), case(3, "")])
    weights = {EMBEDDINGS: 1.0}
    fits = fit(corpus, WORDS, weights, embedder=read(folder))
    return Model(WORDS, fits, weights, prior(EMBEDDINGS))


def test_another_word_for_the_same_is_found(folder: Path):
    index = CaseIndex(embedded(folder))
    index.add([case(1, "bucket leaking"), case(2, "bucket cracked"), case(3, "")])

    answer = index.search(case(9, "dripping"), 2)

    assert [match.case.anomaly_id for match in answer.matches] == ["A0001", "A0002"]
    assert [reason.term for reason in answer.matches[0].reasons] == ["dripping"]
    assert not answer.abstained
    assert index.search(case(9, "xqzzw plofk"), 2).abstained


def test_scores_are_the_cosines_of_the_librarys_own_vectors(folder: Path):
    assert_as_the_library(folder)


def test_pieces_may_share_a_vector_and_have_weights(folder: Path):
    whole = model2vec.StaticModel.from_pretrained(folder)
    weights = np.linspace(0.5, 2.0, len(whole.tokens))
    model2vec.quantize_model(
        model2vec.StaticModel(whole.embedding, whole.tokenizer, weights=weights),
        vocabulary_quantization=4,
    ).save_pretrained(folder)

    assert_as_the_library(folder)


def assert_as_the_library(folder: Path) -> None:
    texts = ["bucket leaking leak", "radiator cracked weather", "broken"]
    expected = model2vec.StaticModel.from_pretrained(folder).encode(texts, normalize=True)
    method = embedded(folder).fits.load(EMBEDDINGS)
    cases = [case(number, text) for number, text in enumerate(texts)]
    method.add(cases)

    np.testing.assert_allclose(method.score(cases), expected @ expected.T, atol=1e-5)


def test_a_stored_model_needs_the_folder_that_it_was_trained_with(folder: Path, tmp_path: Path):
    model = embedded(folder)
    arrays, serving = model.arrays(), json.loads(json.dumps(model.serving()))
    other = static_model(tmp_path / "other", {**MEANINGS, "leak": (0.0, 0.0, 1.0)})

    again = load(arrays, serving, WORDS, embeddings=folder)

    assert again.fits.embedder.version == model.fits.embedder.version
    assert list(arrays) == ["calibration"]  # the embeddings are not in it
    with pytest.raises(EmbeddingsMismatch, match="none are configured"):
        load(arrays, serving, WORDS)
    with pytest.raises(EmbeddingsMismatch, match="train again"):
        load(arrays, serving, WORDS, embeddings=other)


def test_a_model_without_embeddings_needs_none():
    model = train_on(Corpus.of([case(1, "bucket leaking")])).model

    assert load(model.arrays(), model.serving(), model.vocabulary, embeddings=Path("gone"))


def test_training_tries_them_beside_the_others(folder: Path):
    report = train_on(fleet(rounds=20), embeddings=folder).report

    assert {EVIDENCE, EMBEDDINGS} <= set(report.judged)
    assert report.judged[EMBEDDINGS].first.mean() > report.judged["random"].first.mean()


def test_what_is_no_folder_of_embeddings_is_refused(folder: Path, tmp_path: Path):
    with pytest.raises(UnusableEmbeddings, match="has no model"):
        read(Path("someone/some-model"))
    with pytest.raises(UnusableEmbeddings, match="has no model"):
        read(tmp_path / "empty")
    (folder / "model.safetensors").write_bytes(b"\x00" * 9)
    with pytest.raises(UnusableEmbeddings, match="cannot be read"):
        read(folder)


def test_vectors_that_are_not_finite_are_refused(tmp_path: Path):
    broken = static_model(tmp_path / "broken", {**MEANINGS, "leak": (np.nan, 0.0, 0.0)})

    with pytest.raises(UnusableEmbeddings, match="not finite"):
        read(broken)
