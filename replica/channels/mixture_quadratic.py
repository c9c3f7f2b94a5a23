"""A loss quadratic in h over a mixture of Gaussian fields: every average in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.quadratic_loss import QuadraticLossChannel
from replica.quadrature.mixture_law import MixtureLaw, of_packed
from replica.quadrature.rule import Accuracy, Averages
from replica.quadrature.symmetric import assembled


@dataclass(frozen=True)
class MixtureQuadraticChannel(QuadraticLossChannel):
    """ℓ(y, h) = a |y - c h|²/(2c), y and h without their mean over the colours.

    Its force is g = a (1 + acV)^{-1} (y - c ω), V a matrix for each token y.
    """

    law: MixtureLaw

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages over g = a (1 + acV)^{-1} (y - c ω)."""
        a, c, pi = self.scale, self.curvature, self.law.frequencies
        compliance = self._compliance(V)
        pull = self._tokens - c * m
        squares = pull[:, :, None] * pull[:, None, :] + c * c * q
        energy = pi[:, None, None] * (compliance @ squares @ compliance)
        overlap = a * pi[:, None] * (compliance @ pull[..., None])[..., 0]
        response = a * c * pi[:, None, None] * compliance
        loss = a * float(np.trace(energy.sum(axis=0))) / (2 * c)
        return Averages(overlap, a * a * energy, response, loss)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Vector:
        """Return what makes K A K of packed matrices A of every token, times its frequency."""
        basis, stiffness = self.law.basis, self.scale * self.curvature
        K = stiffness * basis @ self._compliance(V) @ basis.T
        pairs = zip(self.law.frequencies, K, strict=True)
        return of_packed([share * np.kron(each, each) for share, each in pairs])

    def _compliance(self, V: Vector) -> Vector:
        """Return (1 + acV)^{-1} on colour differences; NaN where V is no number."""
        if not np.isfinite(V).all():
            return np.full_like(V, np.nan)
        values, vectors = np.linalg.eigh(self.law.basis @ V @ self.law.basis.T)
        stiff = 1.0 + self.scale * self.curvature * np.maximum(values, 0.0)
        return np.asarray(self.law.basis.T @ assembled(1.0 / stiff, vectors) @ self.law.basis)

    @property
    def _tokens(self) -> Matrix:
        """y without its mean over the colours, for every token."""
        return np.eye(self.law.colors) - 1.0 / self.law.colors
