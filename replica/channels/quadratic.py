"""A loss quadratic in h: every average in closed form, for any law of the fields.

It serves the squared error, and the start of the search for other losses, expanded at h = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.channel import ManySamples
from replica.channels.quadratic_loss import QuadraticLossChannel
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.rule import Accuracy, Averages


@dataclass(frozen=True)
class QuadraticChannel(QuadraticLossChannel):
    """ℓ(y, h) = a |y - c h|²/(2c), y and h without their mean over the colours.

    Its force is g = a (y - c ω)/(1 + acV), so that the law's second moments of y - c ω are all
    it needs. The prox of the squared error is (ω + V y)/(1 + V).
    """

    law: FieldLaw

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages over g = a (y - c ω)/(1 + acV)."""
        a, c = self.scale, self.curvature
        square, pull = self.law.residual(m, q, c)
        stiff = 1 + a * c * V
        overlap, energy = pull / stiff, square / stiff**2
        loss = a * sum(energy.tolist()) / (2 * c)
        if a != 1.0:
            overlap, energy = a * overlap, a * a * energy
        return Averages(overlap, energy, self.law.dimensions * (a * c) / stiff, loss)

    def unlearnt(self, V: float) -> Averages:
        """Return the averages of a row that has learnt nothing yet, at m = q = 0."""
        nothing = np.zeros(len(self.law.dimensions))
        return self.averages(nothing, nothing, np.full_like(nothing, V), Accuracy.FINE)

    def many_samples(self, rho: Vector) -> ManySamples:
        """Return the best multiple of the true row, and a share of its loss per component."""
        scale, components = self.law.best_scale(rho), int(self.law.dimensions.sum())
        best = self.test_loss(scale * rho, scale**2 * rho, Accuracy.FINE)
        excess, V = best / components, 1 / components
        return ManySamples(scale, best, excess, V, 2 * excess * V if scale == 1.0 else 0.0)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr (P_k K P_l K), K = Σ_k ac P_k/(1 + ac V_k)."""
        stiffness = self.scale * self.curvature
        return np.diag(self.law.dimensions * (stiffness / (1 + stiffness * V)) ** 2)
