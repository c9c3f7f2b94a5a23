"""The error rate of fields with several colour modes: an orthant of correlated normal variables.

The guess is right where all differences ω_y - ω_a are positive. Up to seven of them Plackett's
paths tell how likely that is, to nearly all digits. Beyond, one after another is made positive, and
the next conditioned on that (Genz 1992): a smooth average over scrambled Sobol points.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from replica.arrays import Matrix, Vector
from replica.quadrature.orthants import outside
from replica.quadrature.point_sets import uniform_scrambles
from replica.quadrature.rule import Accuracy

#: The most differences for which there are paths, and the nodes of each.
_MOST = 7
_NODES = ((6, 16, 20), (5, 8, 10))
_FEW = 5

#: log2 of the number of Sobol points in each scramble.
_SOBOL = (10, 15, 15)

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
    h, L = _ordered(h, R + _SLIGHT * np.eye(len(h)))
    points = uniform_scrambles(len(h) - 1, _SOBOL[accuracy])
    wrong = np.array([_conditioned(h, L, part).mean() for part in points])
    return Rate(float(wrong.mean()), float(wrong.std(ddof=1)) / math.sqrt(len(wrong)))


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


def _conditioned(h: Vector, L: Matrix, uniform: Matrix) -> Vector:
    """Return the probability that some variable is negative, given points for all but the last."""
    x = np.zeros((len(uniform), len(h)))
    right, wrong = np.ones(len(uniform)), np.zeros(len(uniform))
    for i in range(len(h)):
        limit = (h[i] + x[:, :i] @ L[i, :i]) / L[i, i]
        positive = ndtr(limit)
        wrong += right * ndtr(-limit)
        right *= positive
        if i < uniform.shape[1]:
            x[:, i] = -ndtri(np.maximum(uniform[:, i] * positive, 1e-300))
    return wrong
