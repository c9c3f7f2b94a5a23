"""The channel of Gaussian tokens: linear regression with noise, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from replica.arrays import Vector
from replica.channel import HUGE, Accuracy, Averages, Rule


@dataclass(frozen=True)
class GaussianChannel:
    """ℓ(y, h) = ½ |y - h|² where y = ν + noise and each colour has a field of its own.

    The averages are exact, so that the channel is its own quadrature rule.

    Attributes
    ----------
    colors : int
        C, the number of components of y.
    rho : float
        Variance of each component of ν.
    noise : float
        Variance of each component of the noise.
    """

    colors: int
    rho: float
    noise: float

    common_error: ClassVar[float] = 1e-14
    widest: ClassVar[float] = HUGE

    def rule(self, m: Vector, q: Vector, V: Vector) -> Rule:
        """Return the channel itself."""
        return self

    def expansion(self) -> Rule:
        """Return the channel itself, which is quadratic."""
        return self

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell that closed forms hold everywhere."""
        return True

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages over g = (y - ω)/(1 + V)."""
        energy = self.colors * (self.rho - 2 * m + q + self.noise) / (1 + V) ** 2
        slope = self.colors / (1 + V)
        return Averages(slope, energy, slope, 0.5 * float(energy.sum()))

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Vector:
        """Return C/(1 + V)², as K = I/(1 + V)."""
        return np.array([self.colors / (1 + V) ** 2]).reshape(1, 1)

    def test_loss(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return ½ C (ρ - 2m + q + noise)."""
        return self.averages(m, q, np.zeros_like(q), accuracy).loss

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return NaN: there is no class to guess."""
        return math.nan

    def optimal_loss(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return ½ C noise, the test loss of the true row."""
        return 0.5 * self.colors * self.noise
