"""Fold-in: from a history to a taste, with no vector of the user stored or trained.

A taste u is found by ridge regression on the item embeddings V, with every item as a weak zero (Hu,
Koren, Volinsky, 2008):

    u = (w0·VᵀV + λI + Σ c·v·vᵀ)⁻¹ Σ c·t·v,    c = |preference|, t = sign(preference), over the history

With w0·VᵀV + λI = L·Lᵀ and z = L⁻¹v this is u' = (I + Σ c·z·zᵀ)⁻¹ Σ c·t·z and the score v·u = z·u', so the
shared part is paid once, when the model is loaded. The small systems of a whole batch are solved together
by conjugate gradients (Takács, Pilászy, Tikk, 2011).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Conjugate gradients end at this residual, relative to the right-hand side: below it no list changes.
RESIDUAL = 1e-3
MAX_STEPS = 16
SUMMED_AT_ONCE = 100_000  # embeddings: 50 MB at 64 dimensions, for as many digits as the sum needs


def whitening(factors: Floats, implicit_weight: float, regularisation: float) -> Floats:
    """Return L⁻¹ (d, d) for item embeddings (k, d): z = L⁻¹v."""
    shared = regularisation * np.eye(factors.shape[1])
    for start in range(0, len(factors), SUMMED_AT_ONCE):
        wide = factors[start : start + SUMMED_AT_ONCE].astype(np.float64)
        shared += implicit_weight * wide.T @ wide
    inverse: Floats = np.linalg.inv(np.linalg.cholesky(shared)).astype(np.float32)
    return inverse


def fold_in(factors: Floats, weights: Floats) -> Floats:
    """Return (n, d): the solutions u of (I + Σ |w|·z·zᵀ) u = Σ w·z, for n histories of m items each.

    `factors` is (n, m, d), contiguous; `weights` (n, m), 0 where a history is shorter than m.
    """
    confidence = np.abs(weights)[:, :, None]
    transposed = factors.transpose(0, 2, 1)
    residual = np.matmul(transposed, weights[:, :, None])
    solution, direction = np.zeros_like(residual), residual.copy()
    left = (residual * residual).sum(axis=1, keepdims=True)
    enough = np.maximum(left * RESIDUAL**2, np.finfo(np.float32).tiny)
    for _ in range(MAX_STEPS):
        if (left <= enough).all():
            break
        product = direction + np.matmul(transposed, confidence * np.matmul(factors, direction))
        step = left / np.maximum((direction * product).sum(axis=1, keepdims=True), enough)
        solution += step * direction
        residual -= step * product
        before, left = left, (residual * residual).sum(axis=1, keepdims=True)
        direction = residual + left / np.maximum(before, enough) * direction
    found: Floats = solution[:, :, 0]
    return found
