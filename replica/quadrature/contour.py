"""Quadrature for exchangeable colours with a contour of its own for every log normaliser.

For colours so many, or fields so narrow, that the one contour of `exchangeable` loses digits;
`exchange_rule` there chooses between the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from replica.arrays import Vector
from replica.quadrature.kernels.contour import contour_averages
from replica.quadrature.kernels.exchangeable_window import exchangeable_window
from replica.quadrature.rule import Accuracy, Averages

#: For each accuracy: nodes in t, log(1/error) of aliases and of the terms left out, nodes in x per
#: cycle of what they resolve, and the most terms of a series.
_T_NODES, _DIGITS = (36, 66, 92), (18.0, 30.0, 34.0)
_DENSITIES, _MOST_TERMS = (0.25, 0.3, 0.4), (1000, 2000, 3000)

#: The largest damping of aliases that is not for the sake of the terms' size.
_DAMPING = 13.0

#: Rounding, and what the windows leave out.
_ROUNDING = 1e-12


@dataclass
class ContourRule:
    """The rule of `replica.quadrature.exchangeable`, with a contour through the saddle at every t
    (THEORY.md).

    Attributes
    ----------
    order : (float, float, float)
        The m, q and V that it was chosen for.
    radius : float
        Largest normal variable.
    left_out : float
        log of the probability that the window leaves out.
    """

    colors: int
    order: tuple[float, float, float]
    radius: float
    left_out: float
    _defects: dict[Accuracy, float] = field(default_factory=dict, repr=False)

    @property
    def common_error(self) -> float:
        """What the averages of 1 miss, as a sign of what those of the others do."""
        return _ROUNDING + max(self._defects.values(), default=0.0)

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether fields of another width may ask for another rule; this one adapts."""
        return abs(math.log(q[0] / self.order[1])) < 0.2

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        order = self.colors, m[0], q[0], V[0]
        low, high, *_ = exchangeable_window(*order, self.radius, self.left_out)
        norm, overlap, energy, response, loss = contour_averages(
            *order, low, high, _T_NODES[accuracy], _DIGITS[accuracy], _DAMPING,
            self.radius, _DENSITIES[accuracy], _MOST_TERMS[accuracy],
        )  # fmt: skip
        if accuracy != Accuracy.COARSE:
            self._defects[accuracy] = abs(norm - 1.0)
        return Averages(np.array([overlap]), np.array([energy]), np.array([response]), loss)
