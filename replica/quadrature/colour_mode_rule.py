"""The cross-entropy averaged over fields of several colour modes, with a prox at every point."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from replica.arrays import Matrix, Vector
from replica.quadrature.colour_mode_law import ModeLaw
from replica.quadrature.kernels.colour_modes import BLOCK, mode_averages
from replica.quadrature.rule import Accuracy, Averages

#: Where responses are not asked for.
_NO_ROOM = np.empty((0, 0, 0))

#: Entries of the responses that are held at once.
_TOGETHER = 4_000_000


@dataclass
class ModeRule:
    """Points and weights, and what the cross-entropy makes of them.

    Attributes
    ----------
    law : ModeLaw
        Of the fields.
    q : array (modes,)
        The variances for which the points were chosen.
    """

    law: ModeLaw
    q: Vector
    _forces: dict[tuple[Accuracy, int], Matrix] = field(default_factory=dict, repr=False)

    #: Rounding, and the tails beyond the largest radius.
    common_error = 2e-12

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether no mode has grown or shrunk by more than a fifth."""
        some = self.q > 0
        return bool((np.abs(np.log(q[some] / self.q[some])) < 0.2).all())

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters, NaN where a prox was not found."""
        law, points = self.law, self.law.noise(self.q, accuracy)
        overlap, energy, response = np.zeros((3, len(q)))
        loss = 0.0
        for y in law.masked:
            forces = self._known(y, points.weights.size, accuracy)
            found = mode_averages(*law.geometry(m, q, V, y), y, *points, forces, _NO_ROOM)
            gain, square, slope, mean, solved = found
            if not solved:
                self._forces.clear()
                lost = np.full_like(q, np.nan)
                return Averages(lost, lost, lost, np.nan)
            overlap += law.projectors[:, y] @ gain
            energy += np.einsum("kab,ab->k", law.projectors, square)
            response += np.einsum("kab,ab->k", law.projectors, slope)
            loss += mean
        share = 1.0 / len(law.masked)
        return Averages(share * overlap, share * energy, share * response, share * float(loss))

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr P_k K P_l K for every pair of modes."""
        law, points = self.law, self.law.noise(self.q, accuracy)
        total = np.zeros((len(q), len(q)))
        step = max(_TOGETHER // law.colors**2 // BLOCK, 1) * BLOCK
        for y in law.masked:
            fields = law.geometry(m, q, V, y)
            for begin in range(0, points.weights.size, step):
                x, weights = (each[..., begin : begin + step] for each in points)
                forces = np.zeros((law.colors, weights.size))
                room = np.empty((law.colors, law.colors, weights.size))
                mode_averages(*fields, y, x, weights, forces, room)
                each = np.einsum("kab,bcp->kacp", law.projectors, room)
                total += np.einsum("kacp,lcap,p->kl", each, each, weights, optimize=True)
        return total / len(law.masked)

    def _known(self, y: int, number: int, accuracy: Accuracy) -> Matrix:
        """Return the forces that the last evaluation found, or none."""
        if (accuracy, y) not in self._forces:
            self._forces[accuracy, y] = np.zeros((self.law.colors, number))
        return self._forces[accuracy, y]
