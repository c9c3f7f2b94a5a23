"""The cross-entropy of independent tokens, and the choice between its two quadrature rules.

Points of a lattice for few colours, about eight at q of order one; exchangeability for more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import brentq

from replica.arrays import Matrix, Vector
from replica.channels.channel import Channel
from replica.channels.quadratic import QuadraticChannel
from replica.ensembles.independent import IndependentLaw
from replica.losses.cross_entropy import CrossEntropyPoints
from replica.quadrature.exchangeable_race_grid import race_rule
from replica.quadrature.point_sets import lattice_near
from replica.quadrature.point_sum import PointRule
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.quadrature.softmax_race import agreement, log_normaliser, uncertainty
from replica.quadrature.temperature import Calibrated, untaught

#: The q beyond which the averages of the cross-entropy take minutes.
_LARGEST_Q = 3e4

#: Colours up to which a lattice serves while it can, and its points times colours from which on
#: exchangeability costs less.
_FEW, _MORE_THAN_GRID = 3, 70_000

#: log(1/error) below which a lattice is left for a slower rule with more digits.
_LEAST_DIGITS = 20.0


@dataclass(frozen=True)
class IndependentCrossEntropyChannel(Channel):
    """ℓ(y, h) = log Σ_a e^{h_a} - h_y."""

    law: IndependentLaw

    largest_q: ClassVar[float] = _LARGEST_Q

    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return points for fields of this size, or the exchangeability of many colours."""
        colors, points = self.law.colors, self._points(m, q)
        lattice = lattice_near(colors, points.size, Accuracy.FINE)
        order = float(q[0]), float(V[0])
        if lattice is None or lattice.digits <= _LEAST_DIGITS:
            return race_rule(colors, self.law.rho, *order)
        # Strong couplings take more times of the race.
        most = _MORE_THAN_GRID * max(1.0, self.law.rho)
        if colors <= _FEW or len(lattice.weights) * colors <= most:
            return points
        return race_rule(colors, self.law.rho, *order, points)

    def _points(self, m: Vector, q: Vector) -> PointRule:
        return PointRule(self.law, CrossEntropyPoints(), m, q)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr K²."""
        return self._points(m, q).response_square(m, q, V, accuracy)

    def expansion(self) -> Rule:
        """Return the channel of log C - (K0 y)·h + |K0 h|²/(2C)."""
        return QuadraticChannel(self.law, curvature=1.0 / self.law.colors)

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return E log Σ_a e^{ω_a} - m κ."""
        known = self.law.conditional_variance(m, accuracy)
        return log_normaliser(self.law.colors, float(q[0]), accuracy) - float(m[0]) * known

    def fresh(self, m: Vector, q: Vector, accuracy: Accuracy) -> Averages:
        """Return κ(ρ), E |e_y - softmax(ω)|² and κ(q), κ(s²) = 1 - E|softmax(s ξ)|².

        Fields are Gaussian whatever the token, so that Stein's lemma gives the first and the last.
        """
        overlap = self.law.conditional_variance(m, accuracy)
        response = uncertainty(self.law.colors, float(q[0]), accuracy)
        alike = agreement(self.law.colors, float(m[0]), float(q[0]), self.law.rho, accuracy)
        energy = 2.0 - response - 2.0 * alike
        loss = self.test_loss(m, q, accuracy)
        return Averages(np.array([overlap]), np.array([energy]), np.array([response]), loss)

    def calibrated(self, m: Vector, q: Vector) -> Calibrated:
        """Return the T at which E ω·(y - softmax(ω/T)) = m κ(ρ) - (q/T) κ(q/T²) vanishes.

        The fields are Gaussian whatever the token, so that Stein's lemma gives both terms, with
        κ(s²) = 1 - E|softmax(s ξ)|².
        """
        colors, start = self.law.colors, float(m[0] / q[0])
        if start == 0.0:
            return untaught(colors)
        pull = float(m[0]) * self.law.conditional_variance(m, Accuracy.FINE)

        def excess(log_t: float) -> float:
            t = start * math.exp(log_t)
            return float(q[0]) * t * uncertainty(colors, float(q[0]) * t * t, Accuracy.FINE) - pull

        # κ falls, so that 1/T is at most m/q, where ω and what it leaves of ν are one field.
        low = 0.0
        while excess(low) > 0.0:
            low -= 0.5 - low
        t = start * math.exp(brentq(excess, low, 0.0, xtol=1e-13) if low else 0.0)
        return Calibrated(1.0 / t, self.test_loss(t * m, t * t * q, Accuracy.FINE))

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return the conditional entropy of the masked token, the test loss at m = q = ρ."""
        return self.test_loss(rho, rho, accuracy)
