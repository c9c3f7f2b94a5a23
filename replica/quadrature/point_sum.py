"""Averages of any loss over explicit points, which need its prox and no derivative.

For losses that have no rule of their own: right for any, with fewer digits where points are random.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np

from replica.arrays import Matrix, Vector
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.rule import Accuracy, Averages


class Solved(NamedTuple):
    """What a loss makes of points: g = (h - ω)/V at h = prox(ω), ℓ(e_1, h), and tr K or None.

    K = -∂g/∂ω.
    """

    g: Matrix
    losses: Vector
    response: Vector | None


class PointLoss(Protocol):
    """A loss at the points of a sample, arrays (points, colors), where colour 1 is masked."""

    @property
    def sharpness(self) -> float:
        """How much more sharply than the cross-entropy it bends, which is like larger fields."""

    def solved(self, omega: Matrix, V: float) -> Solved:
        """Return what the loss makes of the fields ω."""

    def fresh(self, omega: Matrix) -> Solved:
        """Return the same for V = 0, where h = ω and g = -∇ℓ."""

    def response_square(self, omega: Matrix, V: float) -> Vector:
        """Return tr K² at every point."""

    def value(self, h: Matrix) -> Vector:
        """Return ℓ(e_1, h) at every point."""

    def optimum(self, p: Matrix) -> Vector | None:
        """Return min_h Σ_a p_a ℓ(e_a, h) for probabilities p at every point, None if not known."""

    def expansion(self, colors: int) -> tuple[float, float]:
        """Return a and c of g = (a K0 e_1 - c ω)/(1 + cV) near ω = 0, to start from."""


class PointRule:
    """Sums over the points of a law.

    Without its trace the response follows from Stein's lemma: with weights W(ω) on normal
    noise, -E W tr ∂g/∂ω = -E W ξ·g/√q + E ∇W·g.
    """

    def __init__(self, law: FieldLaw, loss: PointLoss, m: Vector, q: Vector) -> None:
        self.law, self.loss = law, loss
        self.size = self._size_of(m, q)
        self._spread = 0.0

    @property
    def common_error(self) -> float:
        """Rounding and what lies beyond the points; for samples, their relative standard error."""
        return 2e-11 + self._spread

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the fields have not grown or shrunk by more than a fifth."""
        return abs(math.log(self._size_of(m, q) / self.size)) < 0.2

    def _size_of(self, m: Vector, q: Vector) -> float:
        return self.loss.sharpness * self.law.size(float(m[0]), float(q[0]))

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        sample = self.law.sample(float(m[0]), float(q[0]), self.size, accuracy)
        trained = V[0] > 0.0
        fields = sample.fields
        solved = self.loss.solved(fields, float(V[0])) if trained else self.loss.fresh(fields)
        weights, g = sample.weights, solved.g
        terms = np.empty((4, len(weights)))
        terms[0] = (sample.pull * g).sum(axis=1)
        terms[1] = (g * g).sum(axis=1)
        if solved.response is None:
            stein = (sample.noise * g).sum(axis=1) / math.sqrt(q[0])
            terms[2] = sample.tilt * terms[0] - stein
        else:
            terms[2] = solved.response
        terms[3] = solved.losses
        overlap, energy, response, loss = means = terms @ weights
        if sample.parts > 1:
            parts = (terms * weights).reshape(4, sample.parts, -1).sum(axis=2) * sample.parts
            self._spread = float((_standard_error(parts) / np.abs(means)).max())
        return Averages(np.array([overlap]), np.array([energy]), np.array([response]), float(loss))

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr K², one colour mode with itself."""
        sample = self.law.sample(float(m[0]), float(q[0]), self.size, accuracy)
        squares = self.loss.response_square(sample.fields, float(V[0]))
        return np.array([[sample.weights @ squares]])


def _standard_error(parts: Vector) -> Vector:
    error: Vector = parts.std(axis=1, ddof=1) / math.sqrt(parts.shape[1])
    return error
