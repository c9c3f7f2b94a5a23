"""Any loss over any law that can be sampled: right at once, if slower than a rule of its own.

It serves losses of the user's, and laws for which `replica.channels.channel_of` has no other rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.channel import Channel
from replica.channels.quadratic import QuadraticChannel
from replica.losses.cross_entropy import CrossEntropyPoints
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.point_sum import PointLoss, PointRule
from replica.quadrature.rule import HUGE, Accuracy, Rule
from replica.quadrature.temperature import Calibrated, best_temperature


@dataclass(frozen=True)
class PointChannel(Channel):
    """A loss averaged over explicit points of a law.

    Attributes
    ----------
    law : FieldLaw
        One with a `sample`.
    loss : PointLoss
        What to average.
    """

    law: FieldLaw
    loss: PointLoss

    largest_q: ClassVar[float] = HUGE

    def rule(self, m: Vector, q: Vector, V: Vector) -> PointRule:
        """Return points for fields of this size."""
        return PointRule(self.law, self.loss, m, q)

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return E ℓ(e_1, ω)."""
        m_q = float(m[0]), float(q[0])
        sample = self.law.sample(*m_q, self.loss.sharpness * self.law.size(*m_q), accuracy)
        return float(sample.weights @ self.loss.value(sample.fields))

    def calibrated(self, m: Vector, q: Vector) -> Calibrated:
        """Return the best temperature, for the cross-entropy."""
        if not isinstance(self.loss, CrossEntropyPoints) or not m.any():
            return super().calibrated(m, q)
        return best_temperature(self.law.points(m, q, Accuracy.FINE), float(q[0] / m[0]))

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr K²."""
        return self.rule(m, q, V).response_square(m, q, V, accuracy)

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return E min_h Σ_a softmax_a(ν) ℓ(e_a, h) if the loss knows the minimum, or NaN."""
        variance = float(rho[0])
        if variance == 0.0:
            nu, weights = np.zeros((1, self.law.colors)), np.ones(1)
        else:
            sample = self.law.sample(variance, variance, variance, accuracy)
            nu, weights = sample.fields, sample.weights
        p = np.exp(nu - nu.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        optimum = self.loss.optimum(p)
        return math.nan if optimum is None else float(weights @ optimum)

    def expansion(self) -> Rule:
        """Return the channel of the loss expanded to second order at h = 0."""
        slope, curvature = self.loss.expansion(self.law.colors)
        return QuadraticChannel(self.law, curvature / slope, slope)
