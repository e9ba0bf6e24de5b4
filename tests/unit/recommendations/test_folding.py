from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.recommendations.folding import fold_in, whitening


@given(seed=st.integers(0, 10_000), length=st.integers(1, 30))
@settings(max_examples=40)
def test_the_taste_solves_the_ridge_regression_of_the_paper(seed: int, length: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(50, 8)).astype(np.float32)
    chosen = random.choice(50, length, replace=False)
    weights = random.uniform(-1, 1, length).astype(np.float32)
    history = vectors[chosen].astype(np.float64)
    confidence = np.abs(weights)[:, None]
    system = 0.1 * vectors.T @ vectors + 2 * np.eye(8) + history.T @ (confidence * history)
    expected = vectors @ np.linalg.solve(system, history.T @ weights)

    white = vectors @ whitening(vectors, 0.1, 2.0).T
    found = white @ fold_in(white[chosen][None], weights[None])[0]

    assert np.abs(found - expected).max() <= 0.01 * max(1e-3, np.abs(expected).max())


def test_padding_changes_nothing() -> None:
    random = np.random.default_rng(0)
    factors = random.normal(size=(1, 5, 4)).astype(np.float32)
    weights = np.array([[1, 1, -1, 0, 0]], np.float32)
    alone = fold_in(np.ascontiguousarray(factors[:, :3]), weights[:, :3])
    assert np.allclose(fold_in(factors, weights), alone, atol=1e-4)


def test_an_empty_history_has_no_taste_and_spoils_no_other() -> None:
    factors = np.ones((2, 3, 4), np.float32)
    tastes = fold_in(factors, np.array([[0, 0, 0], [1, 0, 0]], np.float32))
    assert not tastes[0].any()
    assert np.isfinite(tastes).all()
    assert tastes[1].all()
