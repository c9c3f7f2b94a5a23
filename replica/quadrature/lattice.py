"""Quadrature for few colours: the trapezoidal rule on a lattice as symmetric as the colours.

For tilted fields of two to about five colours, where it costs least; every further
colour multiplies its points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from replica.arrays import Vector
from replica.quadrature.kernels.lattice import lattice_averages
from replica.quadrature.rule import Accuracy, Averages

#: log(1/error) that the spacings of the three accuracies aim at, and the radii beyond which
#: a Gaussian field of a few components has less weight than that.
DIGITS = (13.0, 27.0, 33.0)
RADII = (6.0, 7.8, 9.0)


@dataclass(frozen=True)
class LatticeRule:
    """Trapezoidal rule on the lattice A*_{C-1}.

    Up to four colours no lattice samples band-limited functions with fewer points, and for
    any number its symmetries are those of the colours.

    The averaged functions of ω are analytic while no two components of ω differ by iπ in
    their imaginary part; in units of the noise √q ξ that is a distance π/√(2q), and the
    rule converges exponentially in distance over spacing.

    Attributes
    ----------
    spacings : tuple of float
        Distance of the lattice planes for each accuracy.
    q : float
        The q for which the spacings were chosen.
    """

    colors: int
    q: float
    spacings: tuple[float, ...]

    #: Rounding, and the tails beyond the largest radius.
    common_error: ClassVar[float] = 2e-12

    @classmethod
    def near(cls, colors: int, q: float) -> LatticeRule:
        """Return the rule for the surroundings of q."""
        return cls(colors, q, tuple(spacing(q, digits) for digits in DIGITS))

    @property
    def points(self) -> float:
        """Number of points, up to edge effects, that the accuracy FINE evaluates."""
        n = self.colors - 1
        radius = RADII[Accuracy.FINE]
        ball: float = math.pi ** (n / 2) / math.gamma(n / 2 + 1) * radius**n
        cell: float = (math.sqrt(2) * self.spacings[Accuracy.FINE]) ** n / math.sqrt(self.colors)
        return ball / cell / math.factorial(n)

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether q has not grown or shrunk by more than a fifth."""
        return bool(abs(math.log(q[0] / self.q)) < 0.2)

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        _, overlap, energy, response, loss = lattice_averages(
            self.colors, m[0], q[0], V[0], self.spacings[accuracy], RADII[accuracy]
        )
        return Averages(np.array([overlap]), np.array([energy]), np.array([response]), loss)


def spacing(q: float, digits: float) -> float:
    """Solve 2π d/s - d²/2 = digits, where d is the distance of the nearest singularity.

    A Gaussian alone, however far the singularity, needs s = 2π/sqrt(2 digits).
    """
    distance = min(math.pi / math.sqrt(2.0 * q), math.sqrt(2.0 * digits))
    return 2.0 * math.pi * distance / (digits + 0.5 * distance**2)
