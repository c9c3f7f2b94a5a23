"""The error rate of fields with several colour modes: an orthant of correlated normal variables.

The guess is right where all differences ω_y - ω_a are positive. Up to seven of them Plackett's
paths tell how likely that is, to nearly all digits. Beyond, one after another is made positive, and
the next conditioned on that (Genz 1992): a smooth average over shifted lattices.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from replica.arrays import Matrix, Vector
from replica.memory import kept
from replica.quadrature.kernels.orthants import negative_share
from replica.quadrature.orthants import outside
from replica.quadrature.rule import Accuracy

#: The most differences for which there are paths, and the nodes of each.
_MOST = 7
_NODES = ((6, 16, 20), (5, 8, 10))
_FEW = 5

#: Numbers of points of a lattice, its shifts, and its generators, component by component for
#: weights 1/j² in the number that is not coarse; beyond, they are powers of the first.
_POINTS, _SHIFTS = (4093, 262_139, 262_139), 8
_GENERATORS = (
    86783, 43618, 2692, 17158, 468, 122434, 49578, 35952, 111976, 66761, 94231, 17075, 25915,
    16755, 117063, 13613, 29438, 70458, 56697, 127579, 24549, 89729, 17794, 21881,
)  # fmt: skip

#: The share of the largest standard deviation, or of a mean, below which there is none.
_NOTHING = 1e-7

#: The variance of what makes a singular matrix none.
_SLIGHT = 1e-10


class Rate(NamedTuple):
    """A probability, and its standard error where it comes from points."""

    value: float
    error: float


def exceeded(means: Vector, slopes: Matrix, accuracy: Accuracy) -> Rate:
    """Return the probability that some of the variables means + slopes x, x normal, is negative."""
    sizes = np.linalg.norm(slopes, axis=1)
    loud = sizes > _NOTHING * sizes.max()
    if (means[~loud] < -_NOTHING * sizes.max()).any():
        return Rate(1.0, 0.0)
    slopes = slopes[loud] / sizes[loud, None]
    h, R = means[loud] / sizes[loud], slopes @ slopes.T
    if len(h) <= _MOST:
        return Rate(outside(h, R, _NODES[len(h) > _FEW][accuracy]), 0.0)
    wrong = _shares(tuple(h.tolist()), tuple(R.ravel().tolist()), _POINTS[accuracy])
    return Rate(float(wrong.mean()), float(wrong.std(ddof=1)) / math.sqrt(_SHIFTS))


@kept()
def _shares(h: tuple[float, ...], R: tuple[float, ...], points: int) -> Vector:
    """Return the probability by each shift of the lattice."""
    n = len(h)
    limits, L = _ordered(np.array(h), np.reshape(R, (n, n)) + _SLIGHT * np.eye(n))
    further = [pow(_GENERATORS[0], 2 + i, points) for i in range(n - 1 - len(_GENERATORS))]
    generators = np.array([*_GENERATORS[: n - 1], *further], dtype=np.int64)
    shifts = np.random.default_rng(n).random((_SHIFTS, n - 1))
    return np.asarray(negative_share(limits, L, generators, points, shifts))


def _ordered(h: Vector, R: Matrix) -> tuple[Vector, Matrix]:
    """Return limits and Cholesky factor in the order in which the least likely come first.

    The others count as where one expects them once they are below their limits.
    """
    n = len(h)
    left, order, L, expected = list(range(n)), [], np.zeros((n, n)), np.zeros(n)
    for i in range(n):
        rest = np.sqrt(R[left, left] - (L[left] ** 2).sum(axis=1))
        limits = (h[left] + L[left] @ expected) / rest
        # Of those that a symmetry makes alike the first.
        a = left.pop(int(np.argmin(limits.round(9))))
        order.append(a)
        L[a, i] = math.sqrt(R[a, a] - L[a] @ L[a])
        L[left, i] = (R[left, a] - L[left] @ L[a]) / L[a, i]
        limit = (h[a] + L[a, :i] @ expected[:i]) / L[a, i]
        expected[i] = math.exp(-0.5 * limit * limit) / math.sqrt(2.0 * math.pi) / ndtr(limit)
    return h[order], L[order]
