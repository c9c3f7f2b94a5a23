"""The law of tilted fields with several colour modes, for a similarity of several eigenvalues.

With one mode `tilted_law` and its rules are faster and more accurate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.quadrature.field_law import FieldLaw, Guesses, Residual, guessed
from replica.quadrature.mode_error_rate import Rate, exceeded
from replica.quadrature.mode_points import ModePoints, mode_points
from replica.quadrature.point_sets import scrambled_sobol
from replica.quadrature.rule import Accuracy
from replica.quadrature.temperature import Points

#: log2 of the number of scrambled Sobol points for guesses.
_SOBOL = (11, 14, 17)

#: Parts of the points, whose spread tells the error of guesses.
_PARTS = 8


@dataclass(frozen=True, eq=False)
class ModeLaw(FieldLaw):
    """ω = Σ_k (m_k P_k e_y + √q_k P_k ξ), y uniform, with one mode k per eigenvalue of U.

    Attributes
    ----------
    basis : array (colors - 1, colors)
        Orthonormal eigenvectors of U, orthogonal to 1.
    mode : array (colors - 1,)
        The mode of each of them.
    masked : tuple of int
        Colours that stand for all, which symmetry makes equally good.
    odd : tuple of bool
        The vectors whose sign a symmetry of the colours changes that leaves the masked one where
        it is; it changes no other.
    """

    basis: Matrix
    mode: NDArray[np.int64]
    masked: tuple[int, ...]
    odd: tuple[bool, ...]

    @property
    def colors(self) -> int:  # type: ignore[override]
        """C, the number of colours."""
        return int(self.basis.shape[1])

    @cached_property
    def dimensions(self) -> NDArray[np.int64]:
        """Dimension of each colour mode."""
        return np.bincount(self.mode)

    def residual(self, m: Vector, q: Vector, c: float) -> Residual:
        """Return d_k [(1 - cm_k)²/C + c²q_k] and d_k/C (1 - cm_k), for d_k dimensions."""
        d = self.dimensions
        square = d * ((1 - c * m) ** 2 / self.colors + c * c * q)
        return Residual(square, d / self.colors * (1 - c * m))

    def conditional_variance(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return 1 - E|softmax(ν)|² of the true fields, E g_y at m = q = ρ and V = 0."""
        right = [
            weights @ (p[:, y] / p.sum(axis=1))
            for fields, weights, y in self.fields(rho, rho, accuracy)
            for p in [np.exp(fields - fields.max(axis=1, keepdims=True))]
        ]
        return 1.0 - float(np.mean(right))

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability that another component of ω than the masked one is largest."""
        if not q.any():
            return 1.0 - 1.0 / self.colors
        return float(np.mean([each.value for each in self._rates(m, q, accuracy)]))

    def rate_error(self, m: Vector, q: Vector) -> float:
        """Return two standard errors of the error rate, or what finer paths change, relative."""
        if not q.any():
            return 0.0
        fine, finer = (self._rates(m, q, each) for each in (Accuracy.FINE, Accuracy.FINER))
        values, errors = zip(*fine, strict=True)
        apart = abs(float(np.mean(values)) - float(np.mean([each.value for each in finer])))
        # All masked colours have the same points.
        return (2.0 * float(np.mean(errors)) + apart) / float(np.mean(values))

    @cached_property
    def axes(self) -> tuple[Matrix, NDArray[np.int64]]:
        """Orthonormal directions of the noise of fields, and the mode of each."""
        return self.basis, self.mode

    def points(self, m: Vector, q: Vector, accuracy: Accuracy) -> list[Points]:
        """Return points of positive weight for every colour that stands for others."""
        return self._fields(m, q, self.noise(q, accuracy, positive=True))

    def fields(self, m: Vector, q: Vector, accuracy: Accuracy) -> list[Points]:
        """Return the best points, whatever their weights; of two that are alike there is one."""
        return self._fields(m, q, self.noise(q, accuracy))

    def noise(self, q: Vector, accuracy: Accuracy, positive: bool = False) -> ModePoints:
        """Return points of the noise of fields along the basis."""
        odd = (False,) * len(self.mode) if positive else self.odd
        work = float(self.colors**2 * len(self.masked))
        return mode_points(q[self.mode], odd, work, accuracy, positive)

    def geometry(self, m: Vector, q: Vector, V: Vector, y: int) -> tuple[Vector, Matrix, Matrix]:
        """Return the mean of the fields, their spread along the basis, and Σ_k V_k P_k."""
        centre = (m[self.mode] * self.basis[:, y]) @ self.basis
        spread = np.sqrt(q[self.mode])[:, None] * self.basis
        return centre, spread, np.tensordot(V, self.projectors, axes=1)

    @cached_property
    def projectors(self) -> NDArray[np.float64]:
        """P_k on every colour mode, an array (modes, colors, colors)."""
        return np.array([part.T @ part for part in self._parts])

    @property
    def _parts(self) -> list[Matrix]:
        return [self.basis[self.mode == k] for k in range(len(self.dimensions))]

    def _fields(self, m: Vector, q: Vector, points: ModePoints) -> list[Points]:
        found = []
        for y in self.masked:
            centre, spread, _ = self.geometry(m, q, 0.0 * q, y)
            found.append(Points(centre + points.x.T @ spread, points.weights, y))
        return found

    def guesses(self, m: Vector, q: Vector, accuracy: Accuracy) -> Guesses:
        """Return points of ω, one set for each colour that stands for others.

        Given ω the masked token has the log probabilities
        Σ_k (m_k/q_k) (P_k ω)_a - ½ Σ_k (m_k²/q_k) (P_k)_aa, but for a constant.
        """
        noise = scrambled_sobol(self.colors - 1, _SOBOL[accuracy])[0]
        seen = q[self.mode] > 0.0
        m_i, q_i, basis = m[self.mode][seen], q[self.mode][seen], self.basis[seen]
        spread = np.sqrt(q_i) * noise[:, seen]
        found = []
        for y in self.masked:
            along = m_i * basis[:, y] + spread
            logits = (m_i / q_i * along) @ basis - 0.5 * (m_i * m_i / q_i) @ (basis * basis)
            found.append(guessed(along @ basis, logits, _PARTS))
        fields, right = (np.concatenate(each, axis=1) for each in zip(*found, strict=True))
        return Guesses(fields, right)

    def _rates(self, m: Vector, q: Vector, accuracy: Accuracy) -> list[Rate]:
        """Return the error rates of the masked colours."""
        found = []
        for y in self.masked:
            differences = (self.basis[:, [y]] - np.delete(self.basis, y, axis=1)).T
            means = differences @ (m[self.mode] * self.basis[:, y])
            found.append(exceeded(means, differences * np.sqrt(q[self.mode]), accuracy))
        return found
