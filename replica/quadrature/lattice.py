"""Quadrature for few colours: the trapezoidal rule on a lattice as symmetric as the colours.

For tilted fields of two to about five colours, where it costs least; every further
colour multiplies its points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from replica.arrays import Matrix, Vector
from replica.quadrature.kernels.lattice import lattice_averages
from replica.quadrature.kernels.softmax_prox import solved_probabilities
from replica.quadrature.kernels.spacing import shared, spacing
from replica.quadrature.kernels.two_colors import two_color_averages
from replica.quadrature.lattice_points import LatticePoints, lattice_points
from replica.quadrature.rule import Accuracy, Averages

#: log(1/error) that the spacings of the three accuracies aim at, and the radii beyond which
#: a Gaussian field of a few components has less weight than that.
DIGITS = (13.0, 27.0, 33.0)
RADII = (6.0, 7.8, 9.0)


#: The same of this rule: the error of the second shows, and a third of the points is saved.
LATTICE_DIGITS, LATTICE_RADII = (13.0, 27.0, 30.0), (6.0, 7.8, 8.2)


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
    solved : dict
        Where the last evaluation of an accuracy solved the prox, to start the next one.
    """

    colors: int
    q: float
    spacings: tuple[float, ...]
    solved: dict[Accuracy, Matrix] = field(default_factory=dict, repr=False, compare=False)

    #: Rounding, and the tails beyond the largest radius.
    common_error: ClassVar[float] = 2e-12

    @classmethod
    def near(cls, colors: int, q: float) -> LatticeRule:
        """Return the rule for the surroundings of q."""
        return cls(colors, q, tuple(shared(spacing(q, digits)) for digits in LATTICE_DIGITS))

    @property
    def points(self) -> float:
        """Number of points, up to edge effects, that the accuracy FINE evaluates."""
        n = self.colors - 1
        radius = LATTICE_RADII[Accuracy.FINE]
        ball: float = math.pi ** (n / 2) / math.gamma(n / 2 + 1) * radius**n
        cell: float = (math.sqrt(2) * self.spacings[Accuracy.FINE]) ** n / math.sqrt(self.colors)
        return ball / cell / math.factorial(n)

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether q has not grown or shrunk by more than a fifth."""
        return bool(abs(math.log(q[0] / self.q)) < 0.2)

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        if self.colors == 2:
            pair = two_color_averages(
                m[0], q[0], V[0], self.spacings[accuracy], LATTICE_RADII[accuracy]
            )
            overlap, energy, response = (np.array([value]) for value in pair[:3])
            return Averages(overlap, energy, response, pair[3])
        points = lattice_points(self.colors, self.spacings[accuracy], LATTICE_RADII[accuracy])
        scale = math.sqrt(2.0 * q[0]) * self.spacings[accuracy]
        found = np.empty(5)
        for known in (True, False) if accuracy in self.solved else (False,):
            if not known:
                self.solved[accuracy] = np.empty((self.colors + 1, points.weights.size))
            solved = self.solved[accuracy]
            if lattice_averages(*points, m[0], V[0], scale, known, solved, found):
                return Averages(found[1:2], found[2:3], found[3:4], float(found[4]))
        del self.solved[accuracy]
        return _searched(points, m[0], V[0], scale)


def _searched(points: LatticePoints, m: float, V: float, scale: float) -> Averages:
    """Return the averages by a search at every point."""
    omega = scale * points.k.T
    omega[:, 0] += m
    p, losses = np.empty_like(omega), np.empty(len(omega))
    solved_probabilities(omega, V, p, losses)
    r = p / (1.0 + V * p)
    pairs = (r[:, 1:] * np.cumsum(r, axis=1)[:, :-1]).sum(axis=1)
    wrong = p[:, 1:].sum(axis=1)
    values = wrong, wrong**2 + (p[:, 1:] ** 2).sum(axis=1), 2.0 * pairs / r.sum(axis=1), losses
    overlap, energy, response, loss = (points.weights @ each for each in values)
    return Averages(np.array([overlap]), np.array([energy]), np.array([response]), float(loss))
