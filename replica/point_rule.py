"""Averages of any loss over explicit points, which need its prox and no derivative."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np

from replica.arrays import Vector
from replica.channel import Accuracy, Averages
from replica.cross_entropy_kernels import solved_probabilities


class Sample(NamedTuple):
    """Points of the joint law of the fields and the masked token, which is colour 1.

    Attributes
    ----------
    fields : array (points, colors)
        ω.
    weights : array (points,)
        Their weights, which sum to one.
    noise : array (points, colors)
        ξ, the part of ω/√q that is normal.
    pull : array (points, colors)
        Times g it averages to the overlap: K0 e_1, or how the weight of a point follows the
        field of the true row.
    tilt : float
        By how much of the pull the weight of a point follows ω.
    parts : int
        Number of equal parts, one behind the other, that are independent samples.
    """

    fields: Vector
    weights: Vector
    noise: Vector
    pull: Vector
    tilt: float
    parts: int = 1


class Law(Protocol):
    """The joint law of the fields and the masked token."""

    def size(self, m: float, q: float) -> float:
        """Return the variance of the largest fields that enter a prox or a weight."""

    def sample(self, m: float, q: float, size: float, accuracy: Accuracy) -> Sample:
        """Return points with weights, good for fields of the variance `size`."""


class Solved(NamedTuple):
    """What a loss makes of points: g = (h - ω)/V at h = prox(ω), ℓ(e_1, h), and tr K or None.

    K = -∂g/∂ω.
    """

    g: Vector
    losses: Vector
    response: Vector | None


class PointLoss(Protocol):
    """A loss at the points of a sample."""

    def solved(self, omega: Vector, V: float) -> Solved:
        """Return what the loss makes of the fields ω."""

    def response_square(self, omega: Vector, V: float) -> Vector:
        """Return tr K² at every point."""


class PointRule:
    """Sums over the points of a law.

    Without its trace the response follows from Stein's lemma: with weights W(ω) on normal
    noise, -E W tr ∂g/∂ω = -E W ξ·g/√q + E ∇W·g.
    """

    def __init__(
        self, law: Law, loss: PointLoss, m: Vector, q: Vector, sharpness: float = 1.0
    ) -> None:
        self.law, self.loss = law, loss
        # A loss that bends more sharply than the cross-entropy is like larger fields.
        self._sharpness = sharpness
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
        return self._sharpness * self.law.size(float(m[0]), float(q[0]))

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        sample = self.law.sample(float(m[0]), float(q[0]), self.size, accuracy)
        solved = self.loss.solved(sample.fields, float(V[0]))
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

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Vector:
        """Return E tr K², one colour mode with itself."""
        sample = self.law.sample(float(m[0]), float(q[0]), self.size, accuracy)
        squares = self.loss.response_square(sample.fields, float(V[0]))
        return np.array([[sample.weights @ squares]])


def _standard_error(parts: Vector) -> Vector:
    error: Vector = parts.std(axis=1, ddof=1) / math.sqrt(parts.shape[1])
    return error


class CrossEntropyPoints:
    """The cross-entropy at points."""

    def solved(self, omega: Vector, V: float) -> Solved:
        """Return what the loss makes of the fields ω."""
        p, losses = np.empty_like(omega), np.empty(len(omega))
        solved_probabilities(omega, V, p, losses)
        # Nothing here is a difference of nearly equal numbers where p_1 is near 1.
        g = -p
        g[:, 0] = p[:, 1:].sum(axis=1)
        r = p / (1.0 + V * p)
        before = np.cumsum(r, axis=1)
        response = 2.0 * (r[:, 1:] * before[:, :-1]).sum(axis=1) / before[:, -1]
        return Solved(g, losses, response)

    def response_square(self, omega: Vector, V: float) -> Vector:
        """Return tr K², K = diag(r) - r rᵀ/Σr, at every point."""
        p = np.empty_like(omega)
        solved_probabilities(omega, V, p, np.empty(len(omega)))
        r = p / (1.0 + V * p)
        one, two, three = (np.sum(r**power, axis=1) for power in (1, 2, 3))
        squares: Vector = two - 2.0 * three / one + (two / one) ** 2
        return squares
