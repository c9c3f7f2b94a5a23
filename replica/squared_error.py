"""The squared-error channel ½ |K0 y - K0 h|², in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replica.channel import Accuracy, Averages
from replica.cross_entropy import softmax_gap

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class SquaredErrorChannel:
    """ℓ(y, h) = ½ |K0 y - K0 h|², K0 = I - 11ᵀ/C, whose prox is (ω + V K0 y)/(1 + V).

    Its averages are exact, so it is its own quadrature rule.
    """

    colors: int

    def rule(self, m: Vector, q: Vector, V: Vector) -> SquaredErrorChannel:
        """Return the channel itself."""
        return self

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell that closed forms hold everywhere."""
        return True

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages over g = (K0 y - ω)/(1 + V)."""
        n = self.colors - 1
        energy = n * ((1 - m) ** 2 / self.colors + q) / (1 + V) ** 2
        overlap = n / self.colors * (1 - m) / (1 + V)
        return Averages(overlap, energy, n / (1 + V), float(0.5 * energy.sum()))

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return ½ (C-1) [(1-m)²/C + q]."""
        return self.averages(m, q, np.zeros_like(q), accuracy).loss

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return ½ (1 - E|softmax(ν)|²), the error of predicting the conditional law."""
        return 0.5 * softmax_gap(self.colors, rho, accuracy)

    def curvature(self) -> tuple[float, float]:
        """Return (1/C, 1)."""
        return 1.0 / self.colors, 1.0
