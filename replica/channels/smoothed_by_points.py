"""The cross-entropy averaged over the noise of masks, at points of fields of any law.

Slower than a lattice of trained fields (`replica.quadrature.smoothed`), but right where colours
have several modes, where the masked token is drawn from true fields, and where fields are short.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.masked import MaskedChannel, MaskedFields
from replica.losses.smoothed_cross_entropy import SmoothedClass, SmoothedCrossEntropy
from replica.quadrature.colour_mode_law import ModeLaw
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.gaussian_points import DIGITS, Budget, gaussian_points, noise_points
from replica.quadrature.rule import Accuracy, Averages
from replica.quadrature.tilted_law import TiltedLaw

#: Points of the fields, and of the noise of masks. Scrambles of Sobol's points are never of one
#: number for both, as they would be the same.
_DIGITS = {**DIGITS, 3: (9.0, 20.0, 24.0), 4: (7.5, 15.0, 18.0), 5: (7.0, 12.0, 14.0)}
_FIELDS = Budget((3000, 12_000, 40_000), (7, 10, 12), (6, 8, 10), _DIGITS)
_NOISE = Budget((500, 2500, 6000), (6, 8, 9), (7, 7, 9), _DIGITS)


class _Points(NamedTuple):
    """Points of the fields given one masked token, in the axes of their law.

    Attributes
    ----------
    masked : int
        The token.
    omega : array (parts, points, n)
        ω.
    weights : array (parts, points)
        Their weights, whose sum is the share of the token in every part.
    pull : array (parts, points, n) or (1, n)
        The overlap is E pull·g.
    """

    masked: int
    omega: Vector
    weights: Matrix
    pull: Vector


class _Solved(NamedTuple):
    """The points of one part and token, and what the loss makes of them."""

    pull: Vector
    weights: Vector
    solved: SmoothedClass


@dataclass
class SmoothedPointRule:
    """Sums over points of the fields, each of which masks smooth by points of their noise.

    Where points are random every scramble of the fields has a scramble of the noise: their spread
    tells the error of both.

    Attributes
    ----------
    channel : MaskedChannel
        What the masks make of a field.
    masked : MaskedFields
        The order parameters that it is fit for.
    """

    channel: MaskedChannel
    masked: MaskedFields
    _forces: dict[tuple[Accuracy, int, int], Matrix] = field(default_factory=dict, repr=False)
    _spread: float = field(default=0.0, repr=False)

    @property
    def common_error(self) -> float:
        """Rounding and what lies beyond the points; for samples, their relative standard error."""
        return 2e-11 + self._spread

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether fields and noise have not grown or shrunk by more than a fifth."""
        now = self.channel.fields(m, q, V)
        sizes = zip((*self.masked.q, *self.masked.noise), (*now.q, *now.noise), strict=True)
        return all(abs(math.log(new / old)) < 0.2 for old, new in sizes if old > 0.0)

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return the averages at these order parameters."""
        channel = self.channel
        parts = np.array([self._sums(p) for p in self._solved(channel.fields(m, q, V), accuracy)])
        if len(parts) > 1:
            totals = parts.sum(axis=2)
            error = totals.std(axis=0, ddof=1) / math.sqrt(len(parts))
            self._spread = float((error / np.abs(totals.mean(axis=0))).max())
        overlap, energy, response, curvature, loss = parts.mean(axis=0)
        average = Averages(overlap, energy, response, float(loss.sum()))
        return channel.with_norm(average, response=float(channel.context.noise @ curvature))

    def square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return E tr (P_k K P_l K) for every pair of colour modes."""
        masked = self.channel.fields(m, q, V)
        parts = [
            sum(np.einsum("p,pij->ij", each.weights, each.solved.K**2) for each in part)
            for part in self._solved(masked, accuracy)
        ]
        return np.asarray(self._modes.T @ np.mean(parts, axis=0) @ self._modes)

    @cached_property
    def _modes(self) -> Matrix:
        """1 where an axis of the fields belongs to a colour mode, an array (n, modes)."""
        return np.eye(len(self.masked.q))[self.channel.law.axes[1]]

    def _sums(self, part: Sequence[_Solved]) -> Matrix:
        """Return overlap, energy, response, curvature and loss by modes; the loss has none."""
        sums = np.zeros((5, len(self.masked.q)))
        for pull, weights, solved in part:
            K, H = (np.einsum("pii->pi", each) for each in (solved.K, solved.H))
            by_axes = np.array([weights @ each for each in (pull * solved.g, solved.g**2, K, H)])
            sums[:4] += by_axes @ self._modes
            sums[4, 0] += weights @ solved.losses
        return sums

    def _solved(self, masked: MaskedFields, accuracy: Accuracy) -> Iterator[list[_Solved]]:
        """Yield what the loss makes of every part of the points, by masked tokens."""
        basis, mode = self.channel.law.axes
        noise = partial(noise_points, accuracy=accuracy, budget=_NOISE)
        zeta, shares = _embedded(basis, self.masked.noise[mode], noise)
        scale, V = np.sqrt(masked.noise[mode]), np.diag(masked.V[mode])
        every = list(_points(self.channel.law, self.masked, masked, accuracy))
        for part in range(max(len(zeta), len(every[0].omega))):
            i, found = part % len(zeta), []
            loss = SmoothedCrossEntropy(basis, scale * zeta[i], shares[i])
            for points in every:
                j, key = part % len(points.omega), (accuracy, points.masked, part)
                omega, pull = points.omega[j], points.pull[j % len(points.pull)]
                guess = self._forces.get(key, np.zeros_like(omega))
                solved = loss.solved(points.masked, omega, V, guess)
                self._forces[key] = solved.g
                found.append(_Solved(pull, points.weights[j], solved))
            yield found


def _points(
    law: FieldLaw, near: MaskedFields, masked: MaskedFields, accuracy: Accuracy
) -> Iterator[_Points]:
    """Yield points of masked fields, chosen for those near, by tokens that stand for others."""
    basis, mode = law.axes
    if not isinstance(law, ModeLaw | TiltedLaw):
        size = law.size(float(near.m[0]), float(near.q[0]))
        sample = law.sample(float(masked.m[0]), float(masked.q[0]), size, accuracy)
        shape = sample.parts, -1, len(basis)
        omega, pull = ((each @ basis.T).reshape(shape) for each in (sample.fields, sample.pull))
        yield _Points(0, omega, sample.parts * sample.weights.reshape(shape[:2]), pull)
        return
    tokens = law.masked if isinstance(law, ModeLaw) else (0,)
    fields = partial(gaussian_points, sharpness=1.0, accuracy=accuracy, budget=_FIELDS)
    x, weights = _embedded(basis, near.q[mode], fields)
    for y in tokens:
        omega = masked.m[mode] * basis[:, y] + np.sqrt(masked.q[mode]) * x
        yield _Points(y, omega, weights / len(tokens), basis[None, :, y])


def _embedded(
    basis: Matrix, variances: Vector, points: Callable[[Matrix, Matrix], tuple[Vector, Matrix]]
) -> tuple[Vector, Matrix]:
    """Return normal points along axes of these variances, none along those that vanish."""
    seen = np.flatnonzero(variances)
    if not len(seen):
        return np.zeros((1, 1, len(basis))), np.ones((1, 1))
    x, weights = points(basis[seen], np.diag(variances[seen]))
    every = np.zeros((*weights.shape, len(basis)))
    every[..., seen] = x
    return every, weights
