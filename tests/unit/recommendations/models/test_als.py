from __future__ import annotations

import numpy as np

from services.recommendations.datasets import Dataset
from services.recommendations.models import als
from services.recommendations.models.als import Parameters
from services.recommendations.scoring import build_scorer


def test_folding_a_history_in_is_the_step_by_which_training_finds_a_user(
    checkerboard: Dataset,
) -> None:
    """Hu, Koren, Volinsky: u = (VᵀV + λI + α Σ v·vᵀ)⁻¹ (1 + α) Σ v; ours is the same but for a factor."""
    parameters = Parameters(dimensions=8, regularisation=2.0, confidence=5.0)
    fitted = als.fit(checkerboard, parameters).serving_with(half_life=None)
    factors = fitted.arrays["factors"].astype(np.float64)
    history = checkerboard.interactions.history(3)
    liked = factors[history.items]
    system = factors.T @ factors + 2.0 * np.eye(8) + 5.0 * liked.T @ liked
    expected = factors @ np.linalg.solve(system, 6.0 * liked.sum(axis=0))
    scorer = build_scorer(fitted.arrays, fitted.serving)
    scorer.place(checkerboard.items, checkerboard.size)
    found = scorer.score([history])[0] * (1 + 1 / 5.0)
    assert np.abs(found - expected).max() < 0.01


def test_there_are_no_more_dimensions_than_items(checkerboard: Dataset) -> None:
    assert als.fit(checkerboard).arrays["factors"].shape == (40, 40)


def test_progress_is_told_step_by_step(checkerboard: Dataset) -> None:
    told: list[float] = []
    als.fit(checkerboard, Parameters(dimensions=4, iterations=4), progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]
