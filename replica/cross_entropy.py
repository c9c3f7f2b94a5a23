"""The cross-entropy channel, and the choice between its two quadrature rules."""

from __future__ import annotations

import math
from dataclasses import dataclass

from replica.arrays import Vector
from replica.channel import Accuracy, Rule
from replica.cross_entropy_kernels import fresh_averages, fresh_pair
from replica.exchange import ExchangeRule
from replica.lattice import DIGITS, RADII, LatticeRule, spacing
from replica.observables import error_rate
from replica.point_rule import CrossEntropyPoints, PointRule
from replica.quadratic import QuadraticChannel
from replica.tilted import TiltedLaw

#: Spacing, radius in x and log(1/error) of the one integral that fresh fields need.
_FRESH = {
    Accuracy.COARSE: (0.29, 9.8, 34.0),
    Accuracy.FINE: (0.29, 9.8, 34.0),
    Accuracy.FINER: (0.24, 10.6, 38.0),
}

#: At α = α_c (1 + ε), without weight decay, q grows as ε^-2. Beyond these the evaluations take
#: minutes, and with more than two colours lose their digits.
_WIDEST_OF_TWO, _WIDEST = 1e9, 1e6

#: Number of colours, and of lattice points times colours, from which on the exchangeable rule
#: costs less; for two colours the lattice always costs less.
_MOST_COLORS, _MOST_WORK = 5, 60_000


@dataclass(frozen=True)
class CrossEntropyChannel:
    """ℓ(y, h) = log Σ_a e^{h_a} - h_y, whose prox solves h = ω + V (e_y - softmax(h))."""

    colors: int

    @property
    def widest(self) -> float:
        """The q beyond which the averages cost too much or say too little."""
        return _WIDEST_OF_TWO if self.colors == 2 else _WIDEST

    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return the cheaper rule: a lattice of fields, or the exchangeability of colours."""
        if self.colors <= _MOST_COLORS:
            lattice = LatticeRule.near(self.colors, q[0])
            if self.colors == 2 or lattice.points * self.colors <= _MOST_WORK:
                return lattice
        return ExchangeRule.near(self.colors, m[0], q[0], V[0])

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return E ℓ(e_1, ω)."""
        return self.fresh(m, q, accuracy)[0]

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return the conditional entropy of the masked token, the test loss at m = q = ρ."""
        if rho[0] == 0.0:
            return math.log(self.colors)
        return self.fresh(rho, rho, accuracy)[0]

    def fresh(self, m: Vector, q: Vector, accuracy: Accuracy) -> tuple[float, float]:
        """Return E ℓ(e_1, ω) and E (1 - softmax_1(ω)), where no prox stands between."""
        if self.colors == 2:
            pair = fresh_pair(m[0], q[0], spacing(q[0], DIGITS[accuracy]), RADII[accuracy])
        else:
            pair = fresh_averages(self.colors, m[0], q[0], *_FRESH[accuracy])
        return pair[0], pair[1]

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability that another component of ω than the masked one is largest."""
        return error_rate(self.colors, m[0], q[0])

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Vector:
        """Return E tr K², which is no product over the colours: by points for all of them."""
        rule = PointRule(TiltedLaw(self.colors), CrossEntropyPoints(), m, q)
        return rule.response_square(m, q, V, accuracy)

    def expansion(self) -> Rule:
        """Return the channel of log C - (K0 e_y)·h + |K0 h|²/(2C)."""
        return QuadraticChannel(self.colors, curvature=1.0 / self.colors)


def softmax_gap(colors: int, rho: Vector, accuracy: Accuracy) -> float:
    """Return 1 - E|softmax(ν)|² of the true fields ν.

    The masked token is drawn from softmax(ν), so E|softmax(ν)|² = E softmax_y(ν), an
    average at m = q = ρ.
    """
    if rho[0] == 0.0:
        return 1.0 - 1.0 / colors
    return CrossEntropyChannel(colors).fresh(rho, rho, accuracy)[1]
