"""A user-defined loss at points of fields with a matrix of local variances.

Its prox is known for one number V. That of a matrix is a fixed point of it, which Newton's method
finds with derivatives that are measured.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from replica.arrays import Matrix, Vector
from replica.losses.custom import CustomPoints
from replica.quadrature.mixture_law import SolvedClass

#: Steps of Newton's method, halvings of one step, and the residual of a solved point.
_STEPS, _HALVINGS, _SOLVED = 40, 12, 1e-10

#: Difference for the derivative of a prox.
_DIFFERENCE = 1e-5


class MixtureCustom:
    """A loss of the user's for fields in an orthonormal basis.

    Attributes
    ----------
    points : CustomPoints
        The loss, checked.
    basis : array (colors - 1, colors)
        The basis.
    """

    proper: ClassVar[bool] = False

    def __init__(self, points: CustomPoints, basis: Matrix) -> None:
        self.points, self.basis = points, basis

    @property
    def sharpness(self) -> float:
        """How much more sharply than the cross-entropy it may bend, as far as it costs little.

        Every point takes a prox for each of its derivatives: that is only with two colours.
        """
        return self.points.sharpness if len(self.basis) == 1 else 1.0

    def value(self, masked: int, omega: Matrix) -> Vector:
        """Return ℓ(e_masked, ω) at every point."""
        return self.points.value(omega @ self._turned(masked))

    def optimum(self, p: Matrix) -> Vector | None:
        """Return min_h Σ_a p_a ℓ(e_a, h) if the loss knows the minimum."""
        return self.points.optimum(p)

    def expansion(self) -> tuple[float, float]:
        """Return a and c of g = (a K0 e_1 - c ω)/(1 + cV) near ω = 0."""
        return self.points.expansion(self.basis.shape[1])

    def solved(self, masked: int, omega: Matrix, root: Matrix, guess: Matrix) -> SolvedClass:
        """Return what the loss makes of the fields; NaN where a prox was not found.

        With P the prox at a number τ and g = (P(z) - z)/τ, h = P(z) is the prox at the matrix V
        where h = ω + V g. The derivative of h - V g in z is invertible, as that of P is symmetric
        with eigenvalues from 0 to 1.
        """
        V, n = root @ root.T, len(root)
        tau = max(float(np.trace(V)) / n, 1e-12)
        turned = self._turned(masked)

        def prox(z: Matrix) -> Matrix:
            return self.points.prox(z @ turned, tau) @ turned.T

        def missed(z: Matrix, target: Matrix) -> tuple[Matrix, Vector]:
            h = prox(z)
            gap = h - target - (h - z) @ V / tau
            return gap, np.abs(gap).max(axis=1)

        def derivatives(z: Matrix) -> tuple[Vector, Vector]:
            columns = [
                (prox(z + step) - prox(z - step)) / (2 * _DIFFERENCE)
                for step in _DIFFERENCE * np.eye(n)
            ]
            P = np.stack(columns, axis=2)
            P = 0.5 * (P + P.transpose(0, 2, 1))
            stiff = (np.eye(n) - P) / tau
            return P + V @ stiff, stiff

        force = guess if guess.any() else (prox(omega) - omega) / tau
        z = omega + force @ (V - tau * np.eye(n))
        gap, size = missed(z, omega)
        for _ in range(_STEPS):
            left = np.flatnonzero(size > _SOLVED * (1.0 + np.abs(omega).max(axis=1)))
            if not left.size:
                break
            step = -np.linalg.solve(derivatives(z[left])[0], gap[left][..., None])[..., 0]
            for _ in range(_HALVINGS):
                tried, tried_size = missed(z[left] + step, omega[left])
                worse = ~(tried_size < size[left])
                if not worse.any():
                    break
                step[worse] *= 0.5
            z[left], gap[left], size[left] = z[left] + step, tried, tried_size
        through, stiff = derivatives(z)
        h = prox(z)
        K = np.asarray(stiff @ np.linalg.inv(through))
        losses = self.points.value(h @ turned)
        losses[size > 1e3 * _SOLVED * (1.0 + np.abs(omega).max(axis=1))] = np.nan
        return SolvedClass((h - z) / tau, 0.5 * (K + K.transpose(0, 2, 1)), losses)

    def _turned(self, masked: int) -> Matrix:
        """Return the basis with the masked colour first."""
        return np.concatenate([self.basis[:, [masked]], np.delete(self.basis, masked, 1)], axis=1)
