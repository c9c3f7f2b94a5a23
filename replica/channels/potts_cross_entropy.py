"""The cross-entropy over tilted fields, and the choice between its two quadrature rules.

A lattice for two colours, and for up to five while its points are few; exchangeability for more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

from replica.arrays import Matrix, Vector
from replica.channels.channel import Channel, ManySamples
from replica.channels.quadratic import QuadraticChannel
from replica.losses.cross_entropy import CrossEntropyPoints
from replica.quadrature.exchangeable import exchangeable_rule
from replica.quadrature.exchangeable_grid import GridRule
from replica.quadrature.fresh_fields import fresh, fresh_forces
from replica.quadrature.lattice import LatticeRule
from replica.quadrature.point_sum import PointRule
from replica.quadrature.rule import Accuracy, Averages, Rule
from replica.quadrature.temperature import Calibrated, untaught
from replica.quadrature.tilted_law import TiltedLaw

#: At α = α_c (1 + ε), without weight decay, q grows as ε^-2. Beyond these the evaluations take
#: minutes, and with more than two colours lose their digits.
_LARGEST_Q_OF_TWO, _LARGEST_Q = 1e9, 1e6

#: Number of colours, and of lattice points times their square, from which on one grid of the
#: exchangeable rule costs less, and of points times colours, from which on many do; for two colours
#: the lattice always costs less.
_MOST_COLORS, _MORE_THAN_GRID, _MOST_WORK = 5, 200_000, 200_000

#: Newton steps, of which V = 1e150 takes half.
_STEPS = 24


@dataclass(frozen=True)
class CrossEntropyChannel(Channel):
    """ℓ(y, h) = log Σ_a e^{h_a} - h_y, whose prox solves h = ω + V (e_y - softmax(h))."""

    colors: int

    @cached_property
    def law(self) -> TiltedLaw:  # type: ignore[override]
        """ω = m K0 e_y + √q ξ."""
        return TiltedLaw(self.colors)

    @property
    def largest_q(self) -> float:
        """The q beyond which the averages cost too much or have too few digits."""
        return _LARGEST_Q_OF_TWO if self.colors == 2 else _LARGEST_Q

    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return the cheaper rule: a lattice of fields, or the exchangeability of colours."""
        if self.colors <= _MOST_COLORS:
            lattice = LatticeRule.near(self.colors, q[0])
            if self.colors == 2 or lattice.points * self.colors**2 <= _MORE_THAN_GRID:
                return lattice
            grid = GridRule.near(self.colors, m[0], q[0], V[0])
            if not grid.good and lattice.points * self.colors <= _MOST_WORK:
                return lattice
        return exchangeable_rule(self.colors, m[0], q[0], V[0])

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return E ℓ(e_1, ω)."""
        return fresh(self.colors, m, q, accuracy)[0]

    def fresh(self, m: Vector, q: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at h = ω, one integral."""
        return fresh_forces(self.colors, m, q, accuracy)

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return the conditional entropy of the masked token, the test loss at m = q = ρ."""
        if rho[0] == 0.0:
            return math.log(self.colors)
        return self.test_loss(rho, rho, accuracy)

    def calibrated(self, m: Vector, q: Vector) -> Calibrated:
        """Return q/m and the entropy of softmax((m/q) ω), which is the true law of y given ω."""
        if m[0] == 0.0:
            return untaught(self.colors)
        # Numbers of Python's, as the quotient may be infinite.
        return Calibrated(float(q[0]) / float(m[0]), self.optimal_loss(m * m / q, Accuracy.FINE))

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr K², which is no product over the colours: by points for all of them."""
        rule = PointRule(self.law, CrossEntropyPoints(), m, q)
        return rule.response_square(m, q, V, accuracy)

    def unlearnt(self, V: float) -> Averages:
        """Return the averages of a row that has learnt nothing yet, at m = q = 0."""
        n = self.colors - 1
        # u = 1 - p_1 raises h_1 above the others by x = V u C/n, on which it depends itself:
        # x (n + e^x) = V C, on which Newton's steps only come down from where e^x - 1 = V C.
        x = math.log1p(V * self.colors)
        for _ in range(_STEPS):
            e = math.exp(x)
            x -= (x * (n + e) - V * self.colors) / (n + (1 + x) * e)
        u, p_1 = float(expit(math.log(n) - x)), float(expit(x - math.log(n)))
        r_1, r = p_1 / (1 + V * p_1), u / (n + V * u)
        response = n * r * (2 * r_1 + (n - 1) * r) / (r_1 + n * r)
        loss = math.log1p(n * math.exp(-x))
        return Averages(np.array([u]), np.array([u**2 * (1 + 1 / n)]), np.array([response]), loss)

    def many_samples(self, rho: Vector) -> ManySamples:
        """Return the true row, 1/2 of excess for each of its parameters, and 1/E tr H as V."""
        doubt = self.law.conditional_variance(rho, Accuracy.FINER)
        V = 1 / doubt if doubt > 0.0 else math.inf
        return ManySamples(1.0, self.optimal_loss(rho, Accuracy.FINER), 0.5, V, V)

    def expansion(self) -> Rule:
        """Return the channel of log C - (K0 e_y)·h + |K0 h|²/(2C)."""
        return QuadraticChannel(self.law, curvature=1.0 / self.colors)
