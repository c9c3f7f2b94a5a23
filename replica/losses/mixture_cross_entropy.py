"""The cross-entropy at points of fields with a matrix of local variances."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from replica.arrays import Matrix, Vector
from replica.quadrature.kernels.mixture import solved_classes
from replica.quadrature.mixture_law import SolvedClass


class MixtureCrossEntropy:
    """ℓ(e_a, h) = log Σ_b e^{h_b} - h_a for fields in an orthonormal basis.

    Attributes
    ----------
    basis : array (colors - 1, colors)
        The basis.
    """

    sharpness: ClassVar[float] = 1.0
    proper: ClassVar[bool] = True

    def __init__(self, basis: Matrix) -> None:
        self.basis = basis
        self._units = np.ascontiguousarray(basis.T)

    def solved(self, masked: int, omega: Matrix, root: Matrix, guess: Matrix) -> SolvedClass:
        """Return what the loss makes of the fields; NaN where a prox was not found."""
        points, n = omega.shape
        g, K, losses = guess.copy(), np.empty((points, n, n)), np.empty(points)
        omega, root = np.ascontiguousarray(omega), np.ascontiguousarray(root)
        failures = solved_classes(self._units, masked, omega, root, g, K, losses)
        if failures:
            losses[:] = np.nan
        return SolvedClass(g, K, losses)

    def value(self, masked: int, omega: Matrix) -> Vector:
        """Return ℓ(e_masked, ω) at every point."""
        h = omega @ self.basis
        others = np.delete(h, masked, axis=1) - h[:, [masked]]
        losses: Vector = np.logaddexp.reduce(others, axis=1, initial=0.0)
        return losses

    def optimum(self, p: Matrix) -> Vector:
        """Return the entropy of the probabilities p at every point."""
        entropies: Vector = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
        return entropies

    def expansion(self) -> tuple[float, float]:
        """Return a and c of the quadratic loss at h = 0: 1 and 1/C."""
        return 1.0, 1.0 / self.basis.shape[1]
