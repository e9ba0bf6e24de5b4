"""Beta posteriors of how often an item is liked when it is shown, and draws from them.

Thompson, Biometrika 1933; Chapelle and Li, An Empirical Evaluation of Thompson Sampling, NIPS 2011.
"""

from __future__ import annotations

import numpy as np

from services.recommendations.scoring import Floats

# What an item is thought of before it was shown weighs as much as one like, in as many shows as that
# takes: five where one show in five is liked, fifty where one in fifty is.
PRIOR_LIKES = 1.0
UNSHOWN_LIKES = 1.0  # likes beyond the shows that count: nobody knows how many saw it elsewhere
START_RATE, START_SHOWS = (
    0.2,
    100.0,
)  # what an installation's like rate is before it has shown anything
LOWEST, HIGHEST = 0.01, 0.9  # like rates: the prior must not rule out either
TINY = np.float32(1e-30)  # two draws of 0 are a like rate of 0


def like_rate(likes: Floats, shows: Floats) -> float:
    """Return an installation's likes per show; likes beyond an item's shows came from elsewhere."""
    liked = float(np.minimum(likes, shows).sum()) + START_RATE * START_SHOWS
    return min(max(liked / (float(shows.sum()) + START_SHOWS), LOWEST), HIGHEST)


def posterior(likes: Floats, shows: Floats, rate: float) -> tuple[Floats, Floats]:
    """Return α and β by item: prior plus likes, and prior plus shows without a like."""
    liked = np.minimum(likes, shows + np.float32(UNSHOWN_LIKES))
    alpha = np.float32(PRIOR_LIKES) + liked
    beta = np.float32(PRIOR_LIKES / rate - PRIOR_LIKES) + np.maximum(shows - likes, np.float32(0))
    return alpha, beta


def draw(generator: np.random.Generator, alpha: Floats, beta: Floats, rows: int) -> Floats:
    """Return (rows, items) independent draws of Beta(α, β). Some 80 ns each: two gammas of float32."""
    shape = (rows, len(alpha))
    alpha, beta = np.broadcast_to(alpha, shape), np.broadcast_to(beta, shape)
    liked = generator.standard_gamma(alpha, dtype=np.float32)
    passed = generator.standard_gamma(beta, dtype=np.float32)
    drawn: Floats = liked / np.maximum(liked + passed, TINY)
    return drawn
