"""The cross-entropy for a similarity of several eigenvalues, averaged by the rule for modes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from replica.arrays import Matrix, Vector
from replica.channels.channel import Channel
from replica.channels.quadratic import QuadraticChannel
from replica.quadrature.colour_mode_law import ModeLaw
from replica.quadrature.colour_mode_rule import ModeRule
from replica.quadrature.rule import HUGE, Accuracy, Rule
from replica.quadrature.temperature import Calibrated, best_temperature, untaught


@dataclass(frozen=True)
class ModeCrossEntropyChannel(Channel):
    """ℓ(y, h) = log Σ_a e^{h_a} - h_y with one order parameter per eigenvalue of U."""

    law: ModeLaw

    largest_q: ClassVar[float] = HUGE

    def rule(self, m: Vector, q: Vector, V: Vector) -> ModeRule:
        """Return points for fields of this size."""
        return ModeRule(self.law, q.copy())

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return E ℓ(e_y, ω), the training loss at V = 0."""
        return self.rule(m, q, 0 * q).averages(m, q, 0 * q, accuracy).loss

    def calibrated(self, m: Vector, q: Vector) -> Calibrated:
        """Return the best of all temperatures: no one is that of every mode.

        A coarse rule finds where the points of the fine one begin.
        """
        pull, size = float(self.law.dimensions @ m), float(self.law.dimensions @ q)
        if not pull > 0.0 or size / pull == math.inf:
            return untaught(self.law.colors)
        start = size / pull
        coarse, fine = (self.law.fields(m, q, each) for each in (Accuracy.COARSE, Accuracy.FINE))
        return best_temperature(fine, best_temperature(coarse, start).temperature)

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return the conditional entropy of the masked token, the test loss at m = q = ρ."""
        return self.test_loss(rho, rho, accuracy)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E (v·K v')², summed over the vectors of each pair of modes."""
        return ModeRule(self.law, q.copy()).response_square(m, q, V, accuracy)

    def expansion(self) -> Rule:
        """Return the channel of log C - (K0 e_y)·h + |K0 h|²/(2C)."""
        return QuadraticChannel(self.law, curvature=1.0 / self.law.colors)
