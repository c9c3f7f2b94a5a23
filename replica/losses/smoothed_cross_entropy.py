"""The cross-entropy averaged over Gaussian noise of its fields, and its prox, by points of noise.

ℓ_Δ(e_y, h) = E_ζ log Σ_a e^{h_a + ζ_a} - h_y, ζ ~ N(0, Δ), is a convex loss like any other. One set
of points ζ serves all fields, so that e^{ζ} is known before, and an average over them is a product
of matrices: of e^{h} with it, and of the inverses of these sums with its products.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector

#: Numbers in the largest array that is made.
_LARGEST = 400_000

#: The most Newton steps, the longest, in fields, and the one after which errors are rounding.
_STEPS, _LONGEST, _LAST = 100, 3.0, 1e-7

#: Noise beyond which e^ζ is no number.
_HUGE = 300.0


class SmoothedClass(NamedTuple):
    """What the smoothed loss makes of points of the fields given one token, in a basis.

    With h = prox(ω): the force g = -∂ℓ_Δ/∂h, the Hessian H, K = -∂g/∂ω = H (1 + V H)^{-1}, and ℓ_Δ.
    """

    g: Matrix
    H: Vector
    K: Vector
    losses: Vector


class SmoothedCrossEntropy:
    """ℓ_Δ for fields in an orthonormal basis.

    Parameters
    ----------
    basis : array (n, colors)
        The basis.
    noise, weights : arrays (points, n) and (points,)
        Points of ζ, and their weights.
    """

    def __init__(self, basis: Matrix, noise: Matrix, weights: Vector) -> None:
        n, colors = basis.shape
        first, second = np.triu_indices(colors, 1)
        differences = basis[:, first] - basis[:, second]
        self._basis, self._weights = basis, weights
        self._pairs = first, second
        self._squares = np.einsum("ic,jc->cij", differences, differences).reshape(-1, n * n)
        zeta = (noise @ basis).T
        if not np.abs(zeta).max(initial=0.0) < _HUGE:
            zeta = np.full_like(zeta, np.nan)
        self._factors = np.exp(zeta)
        self._products = self._factors[first] * self._factors[second]

    def solved(self, masked: int, omega: Matrix, V: Matrix, guess: Matrix) -> SmoothedClass:
        """Return what the loss makes of the fields; NaN where a prox was not found.

        Parameters
        ----------
        masked : int
            The masked colour y.
        omega : array (points, n)
            ω.
        V : array (n, n)
            The local variance.
        guess : array (points, n)
            A g near the solution, or zeros.
        """
        h, one = omega + guess @ V, np.eye(len(V))
        left = np.arange(len(h))
        for _ in range(_STEPS):
            g, H, _ = self._slopes(masked, h[left])
            gap = omega[left] + g @ V - h[left]
            step = np.linalg.solve(one + V @ H, gap[..., None])[..., 0]
            size = np.abs(step @ self._basis).max(axis=1)
            h[left] += step * np.minimum(1.0, _LONGEST / np.maximum(size, _LONGEST))[:, None]
            left = left[~(size < _LAST)]
            if not left.size or not np.isfinite(size).all():
                break
        g, H, losses = self._slopes(masked, h)
        K = np.asarray(np.linalg.solve(one + H @ V, H))
        losses[left] = np.nan
        return SmoothedClass(g, H, K, losses)

    def _slopes(self, masked: int, z: Matrix) -> tuple[Matrix, Vector, Vector]:
        """Return g, H and ℓ_Δ at fields z."""
        h = z @ self._basis
        top = h.max(axis=1, keepdims=True)
        powers = np.exp(h - top)
        n, (first, second) = z.shape[1], self._pairs
        p, joint, logs = np.empty_like(powers), np.empty((len(z), len(first))), np.empty(len(z))
        width = max(1, _LARGEST // len(self._weights))
        for start in range(0, len(z), width):
            some = slice(start, start + width)
            sums = powers[some] @ self._factors
            shares = self._weights / sums
            p[some] = shares @ self._factors.T
            shares /= sums
            joint[some] = shares @ self._products.T
            logs[some] = np.log(sums) @ self._weights
        p *= powers
        joint *= powers[:, first] * powers[:, second]
        # Nothing here is a difference of nearly equal numbers where p of the masked one is near 1.
        g = p @ (self._basis[:, [masked]] - self._basis).T
        H = (joint @ self._squares).reshape(-1, n, n)
        return g, H, logs + top[:, 0] - h[:, masked]
