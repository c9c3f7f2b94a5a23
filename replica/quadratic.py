"""The channel of a loss quadratic in h, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Vector
from replica.channel import HUGE, Accuracy, Averages


@dataclass(frozen=True)
class QuadraticChannel:
    """ℓ(y, h) = |K0 y - c K0 h|²/(2c), K0 = I - 11ᵀ/C, with g = (K0 y - c ω)/(1 + c V).

    At curvature c = 1 it is the squared error. The averages are exact, so that the channel
    is its own quadrature rule.

    Attributes
    ----------
    colors : int
        C, the number of colours.
    curvature : float
        c, greater than 0.
    multiplicities : tuple of int
        Dimension of every colour mode; by default one mode of C - 1.
    """

    colors: int
    curvature: float = 1.0
    multiplicities: tuple[int, ...] = ()

    common_error: ClassVar[float] = 1e-14
    widest: ClassVar[float] = HUGE

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell that closed forms hold everywhere."""
        return True

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages over the fields ω = m K0 e_y + √q ξ."""
        n, c = self._dimensions, self.curvature
        stiff = 1 + c * V
        energy = n * ((1 - c * m) ** 2 / self.colors + c * c * q) / stiff**2
        overlap = n / self.colors * (1 - c * m) / stiff
        return Averages(overlap, energy, n * c / stiff, float(energy.sum()) / (2 * c))

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Vector:
        """Return E tr (P_k K P_l K), K = Σ_k c P_k/(1 + c V_k)."""
        return np.diag(self._dimensions * (self.curvature / (1 + self.curvature * V)) ** 2)

    @property
    def _dimensions(self) -> NDArray[np.int64]:
        return np.array(self.multiplicities or (self.colors - 1,))
