"""The law of tilted fields with several colour modes, and the rule that averages over it.

For a similarity of several eigenvalues: a lattice in up to four dimensions, scrambled Sobol points
beyond. With one mode `tilted_law` and its rules are faster and more accurate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from replica.arrays import Matrix, Vector
from replica.quadrature.field_law import FieldLaw, Guesses, Residual, guessed
from replica.quadrature.kernels.colour_modes import mode_averages
from replica.quadrature.kernels.spacing import spacing
from replica.quadrature.lattice import RADII
from replica.quadrature.point_sets import cubic_lattice, scrambled_sobol
from replica.quadrature.rule import Accuracy, Averages
from replica.quadrature.temperature import Points

#: Dimension of the fields, and number of points, up to which a lattice is affordable, and
#: log(1/error) that it aims at.
_MOST_DIMENSIONS, _MOST_POINTS = 4, 1e6
_DIGITS = ((13.0, 27.0, 33.0), (12.0, 20.0, 24.0))

#: log2 of the number of scrambled Sobol points beyond, and for error rates.
_SOBOL = (11, 14, 17)

#: Parts of the points, whose spread tells the error of an error rate.
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
    """

    basis: Matrix
    mode: NDArray[np.int64]
    masked: tuple[int, ...]

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
        nothing = 0 * rho
        return float(ModeRule(self, rho).averages(rho, rho, nothing, accuracy).overlap.sum())

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability that another component of ω than the masked one is largest.

        Along one direction of the noise the event is an interval; over the others the
        average is one over scrambled Sobol points, good to about five digits.
        """
        if not q.any():
            return 1.0 - 1.0 / self.colors
        return 1.0 - float(np.mean([self._right(m, q, y, accuracy) for y in self.masked]))

    def rate_error(self, m: Vector, q: Vector) -> float:
        """Return two standard errors of the error rate, relative, over parts of the points.

        A part of Sobol's points in their order is a net of its own, so that their spread bounds
        rather than estimates the error of the whole.
        """
        if not q.any():
            return 0.0
        right = np.mean([self._right(m, q, y, Accuracy.FINE) for y in self.masked], axis=0)
        parts = right.reshape(_PARTS, -1).mean(axis=1)
        error = 2.0 * float(parts.std(ddof=1)) / math.sqrt(_PARTS)
        return error / (1.0 - float(parts.mean()))

    @cached_property
    def axes(self) -> tuple[Matrix, NDArray[np.int64]]:
        """Orthonormal directions of the noise of fields, and the mode of each."""
        return self.basis, self.mode

    def points(self, m: Vector, q: Vector, accuracy: Accuracy) -> list[Points]:
        """Return points of the law for every colour that stands for others."""
        return ModeRule(self, q).fields(m, q, accuracy)

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

    def _right(self, m: Vector, q: Vector, y: int, accuracy: Accuracy) -> Vector:
        """Return the probability of a right guess given all directions of the noise but one."""
        differences = (self.basis[:, [y]] - np.delete(self.basis, y, axis=1)).T
        means = differences @ (m[self.mode] * self.basis[:, y])
        slopes = differences * np.sqrt(q[self.mode])
        along = slopes.sum(axis=0)
        along /= np.linalg.norm(along)
        x = scrambled_sobol(self.colors - 1, _SOBOL[accuracy])[0]
        x = x - np.outer(x @ along, along)
        rest, rate = means + x @ slopes.T, slopes @ along
        with np.errstate(divide="ignore", invalid="ignore"):
            bounds = -rest / rate
        low = np.where(rate > 0, bounds, -np.inf).max(axis=1)
        high = np.where(rate < 0, bounds, np.inf).min(axis=1)
        possible = ((rate != 0) | (rest > 0)).all(axis=1)
        return np.asarray(np.maximum(ndtr(high) - ndtr(low), 0.0) * possible)


class ModeRule:
    """Points and weights for the fields of several modes, and what the cross-entropy makes of them.

    A lattice up to four dimensions, Sobol's points beyond, or where a lattice is too large.
    """

    #: Rounding, and the tails beyond the largest radius.
    common_error = 2e-12

    def __init__(self, law: ModeLaw, q: Vector) -> None:
        self.law = law
        self.q = q.copy()
        self._active = tuple((q[law.mode] > 0).tolist())

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether no mode has grown or shrunk by more than a fifth."""
        some = self.q > 0
        return bool((np.abs(np.log(q[some] / self.q[some])) < 0.2).all())

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        overlap, energy, response, loss, _ = self.observed(m, q, V, accuracy)
        return Averages(overlap, energy, response, float(loss))

    def observed(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> list[Vector]:
        """Return every average of `mode_averages`, NaN where a prox was not found."""
        law = self.law
        points, weights = self._points(accuracy)
        found = [
            mode_averages(law.basis, law.mode, m, q, V, y, points, weights) for y in law.masked
        ]
        failed = any(failures for *_, failures in found)
        means = [np.mean([each[i] for each in found], axis=0) for i in range(5)]
        return [np.full_like(mean, np.nan) if failed else np.asarray(mean) for mean in means]

    def fields(self, m: Vector, q: Vector, accuracy: Accuracy) -> list[Points]:
        """Return the points as fields, for every masked colour that stands for others."""
        law = self.law
        noise, weights = self._points(accuracy)
        found = []
        for y in law.masked:
            modes = m[law.mode] * law.basis[:, y] + np.sqrt(q[law.mode]) * noise
            found.append(Points(modes @ law.basis, weights, y))
        return found

    def _points(self, accuracy: Accuracy) -> tuple[Matrix, Vector]:
        dimensions = sum(self._active)
        if dimensions == 0:
            return np.zeros((1, len(self._active))), np.ones(1)
        if dimensions > _MOST_DIMENSIONS or self._size(Accuracy.FINE) > _MOST_POINTS:
            x, weights = scrambled_sobol(dimensions, _SOBOL[accuracy])
        else:
            x, weights = cubic_lattice(dimensions, *self._extent(accuracy))
        points = np.zeros((len(x), len(self._active)))
        points[:, np.flatnonzero(self._active)] = x
        return points, weights

    def _extent(self, accuracy: Accuracy) -> tuple[float, float]:
        """Return spacing and radius of the lattice."""
        digits = _DIGITS[sum(self._active) > 3][accuracy]
        radius = min(RADII[accuracy], math.sqrt(2 * digits) + 0.8)
        return spacing(float(self.q.max()), digits), radius

    def _size(self, accuracy: Accuracy) -> float:
        """Return about how many points the lattice has."""
        step, radius = self._extent(accuracy)
        return float((2 * radius / step) ** sum(self._active))
