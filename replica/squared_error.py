"""The squared-error channel ½ |K0 y - K0 h|²."""

from __future__ import annotations

import numpy as np

from replica.arrays import Vector
from replica.channel import Accuracy, Rule
from replica.cross_entropy import softmax_gap
from replica.mode_cross_entropy import ModeCrossEntropyChannel
from replica.observables import error_rate
from replica.quadratic import QuadraticChannel


class SquaredErrorChannel(QuadraticChannel):
    """ℓ(y, h) = ½ |K0 y - K0 h|², whose prox is (ω + V K0 y)/(1 + V), for U = I."""

    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return the channel itself, whose averages are exact."""
        return self

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return ½ (C-1) [(1-m)²/C + q]."""
        return self.averages(m, q, np.zeros_like(q), accuracy).loss

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability that another component of ω than the masked one is largest."""
        return error_rate(self.colors, m[0], q[0])

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return ½ (1 - E|softmax(ν)|²), the error of predicting the conditional law."""
        return 0.5 * softmax_gap(self.colors, rho, accuracy)

    def expansion(self) -> Rule:
        """Return the channel itself, which is quadratic."""
        return self


class ModeSquaredErrorChannel(SquaredErrorChannel):
    """The same for several colour modes, with the fields of `fields`."""

    def __init__(self, fields: ModeCrossEntropyChannel) -> None:
        counts = tuple(np.bincount(fields.mode).tolist())
        super().__init__(fields.colors, multiplicities=counts)
        object.__setattr__(self, "fields", fields)

    fields: ModeCrossEntropyChannel

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability that another component of ω than the masked one is largest."""
        return self.fields.error_rate(m, q, accuracy)

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return ½ (1 - E|softmax(ν)|²), the error of predicting the conditional law."""
        return 0.5 * self.fields.softmax_gap(rho, accuracy)
