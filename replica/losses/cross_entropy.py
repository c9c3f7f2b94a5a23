"""The cross-entropy at points of the fields, for channels that have no faster rule for it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from replica.arrays import Matrix, Vector
from replica.quadrature.kernels.softmax_prox import solved_probabilities
from replica.quadrature.point_sum import Solved


class CrossEntropyPoints:
    """ℓ(e_1, h) = log Σ_a e^{h_a} - h_1 at points (points, colors)."""

    sharpness: ClassVar[float] = 1.0

    def solved(self, omega: Matrix, V: float) -> Solved:
        """Return what the loss makes of the fields ω."""
        p, losses = np.empty_like(omega), np.empty(len(omega))
        solved_probabilities(omega, V, p, losses)
        # Nothing here is a difference of nearly equal numbers where p_1 is near 1.
        g = -p
        g[:, 0] = p[:, 1:].sum(axis=1)
        r = p / (1.0 + V * p)
        before = np.cumsum(r, axis=1)
        response = 2.0 * (r[:, 1:] * before[:, :-1]).sum(axis=1) / before[:, -1]
        return Solved(g, losses, response)

    def fresh(self, omega: Matrix) -> Solved:
        """Return the same for V = 0."""
        p = np.exp(omega - omega.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        g = -p
        g[:, 0] = p[:, 1:].sum(axis=1)
        return Solved(g, self.value(omega), (p * (1.0 - p)).sum(axis=1))

    def response_square(self, omega: Matrix, V: float) -> Vector:
        """Return tr K², K = diag(r) - r rᵀ/Σr, at every point."""
        p = np.empty_like(omega)
        solved_probabilities(omega, V, p, np.empty(len(omega)))
        r = p / (1.0 + V * p)
        one, two, three = (np.sum(r**power, axis=1) for power in (1, 2, 3))
        squares: Vector = two - 2.0 * three / one + (two / one) ** 2
        return squares

    def value(self, h: Matrix) -> Vector:
        """Return ℓ(e_1, h) at every point."""
        others = h[:, 1:] - h[:, :1]
        losses: Vector = np.logaddexp.reduce(others, axis=1, initial=0.0)
        return losses

    def optimum(self, p: Matrix) -> Vector:
        """Return the entropy of the probabilities p at every point."""
        entropies: Vector = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
        return entropies

    def expansion(self, colors: int) -> tuple[float, float]:
        """Return a and c of the quadratic loss at h = 0: 1 and 1/C."""
        return 1.0, 1.0 / colors
