"""A loss quadratic in h: what its channels over all laws of the fields have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from replica.arrays import Vector
from replica.channels.channel import Channel
from replica.quadrature.rule import HUGE, Accuracy, Averages


@dataclass(frozen=True)
class QuadraticLossChannel(Channel):
    """ℓ(y, h) = a |y - c h|²/(2c), y and h without their mean over the colours.

    At a = c = 1 it is the squared error; at others, the expansion of a loss at h = 0. Every average
    has a closed form, so that the channel is its own quadrature rule.

    Attributes
    ----------
    law : FieldLaw
        Of fields and masked token.
    curvature : float
        c, greater than 0.
    scale : float
        a, greater than 0.
    """

    law: Any
    curvature: float = 1.0
    scale: float = 1.0

    common_error: ClassVar[float] = 1e-14
    largest_q: ClassVar[float] = HUGE

    def rule(self, m: Vector, q: Vector, V: Vector) -> Any:
        """Return the channel itself."""
        return self

    def expansion(self) -> Any:
        """Return the channel itself, which is quadratic."""
        return self

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell that closed forms hold everywhere."""
        return True

    @abstractmethod
    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages over the fields, in closed form."""

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return a E|y - c ω|²/(2c)."""
        return self.averages(m, q, np.zeros_like(q), accuracy).loss

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return a E|y - E[y|ν]|²/(2c), the error of predicting the conditional mean."""
        variance = float(self.law.conditional_variance(rho, accuracy))
        return self.scale / self.curvature * 0.5 * variance
