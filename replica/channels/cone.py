"""What is left of a loss at the existence threshold: a cone, in which the masked colour leads."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.quadrature.colour_mode_law import ModeLaw
from replica.quadrature.cone import Outside, cone_averages
from replica.quadrature.mixture_law import MixtureLaw
from replica.quadrature.rule import Accuracy, Averages


class ConeRule:
    """Averages of a loss that is 0 where the masked colour is the largest, and infinite elsewhere.

    `loss` is that of the Moreau envelope, half the mean squared distance from the cone in the
    metric V^{-1}. Fields in units s have averages in powers of s: no unit is known.
    """

    def __init__(self, basis: Matrix) -> None:
        self.basis = basis
        #: h_y - h_b for every other colour b, in the basis, by the masked colour y.
        self._differences = [
            (basis[:, [y]] - np.delete(basis, y, axis=1)).T for y in range(basis.shape[1])
        ]
        self._averages = [cone_averages(len(basis)) for _ in self._differences]
        self._spread = 0.0

    @property
    def common_error(self) -> float:
        """Rounding, and the relative standard error of points that are random."""
        return 1e-12 + self._spread

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the rule is fit for these fields, as it is for any."""
        return True

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        raise NotImplementedError

    def _of_colour(self, y: int, m: Vector, Q: Matrix, V: Matrix, accuracy: Accuracy) -> Outside:
        """Return the averages of fields in the basis, given the masked colour."""
        D = self._differences[y]
        found = self._averages[y].outside(D @ m, D @ Q @ D.T, D @ V @ D.T, accuracy)
        return Outside(found.g @ D, D.T @ found.square @ D, D.T @ found.K @ D, found.distance)

    def _note_spread(self, distances: Vector) -> float:
        """Keep the relative standard error of parts of the distance, and return their mean."""
        mean = float(distances.mean())
        if len(distances) > 1:
            self._spread = float(distances.std(ddof=1)) / math.sqrt(len(distances)) / mean
        return mean


class ModeConeRule(ConeRule):
    """The averages by colour modes."""

    def __init__(self, basis: Matrix, mode: NDArray[np.int64], masked: tuple[int, ...]) -> None:
        super().__init__(basis)
        self.mode, self.masked = mode, masked

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters, over the colours that stand for all."""
        mode, basis, modes = self.mode, self.basis, len(m)
        sums, distances = np.zeros((3, modes)), []
        for y in self.masked:
            found = self._of_colour(
                y, m[mode] * basis[:, y], np.diag(q[mode]), np.diag(V[mode]), accuracy
            )
            parts = (
                basis[:, y] * found.g.mean(axis=0),
                np.diagonal(found.square.mean(axis=0)),
                np.diagonal(found.K.mean(axis=0)),
            )
            sums += [np.bincount(mode, each, modes) for each in parts]
            distances.append(found.distance)
        overlap, energy, response = sums / len(self.masked)
        loss = self._note_spread(np.mean(distances, axis=0))
        return Averages(overlap, energy, response, loss)


class MixtureConeRule(ConeRule):
    """The averages of a mixture, by token and times its frequency."""

    def __init__(self, law: MixtureLaw) -> None:
        super().__init__(law.basis)
        self.frequencies = law.frequencies

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        basis, distances = self.basis, []
        overlap, energy, response = np.empty_like(m), np.empty_like(q), np.empty_like(V)
        for a, frequency in enumerate(self.frequencies):
            Q, local = (basis @ each[a] @ basis.T for each in (q, V))
            found = self._of_colour(a, basis @ m[a], Q, local, accuracy)
            overlap[a] = frequency * (found.g.mean(axis=0) @ basis)
            energy[a] = frequency * (basis.T @ found.square.mean(axis=0) @ basis)
            response[a] = frequency * (basis.T @ found.K.mean(axis=0) @ basis)
            distances.append(frequency * found.distance)
        return Averages(overlap, energy, response, self._note_spread(np.sum(distances, axis=0)))


def cone_rule(law: ModeLaw | MixtureLaw) -> ConeRule:
    """Return the averages of a law of several colour modes, or of a mixture."""
    if isinstance(law, MixtureLaw):
        return MixtureConeRule(law)
    return ModeConeRule(law.basis, law.mode, law.masked)
