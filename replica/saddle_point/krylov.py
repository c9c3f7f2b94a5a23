"""Rows that a quadratic loss makes of its first gradient: polynomials of the second derivatives.

Any training with the squared error and gradients alone, after any number of steps, is one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from replica.arrays import Matrix, Vector
from replica.channels.linear_forces import LinearForces
from replica.ensembles.ensemble import Ensemble
from replica.saddle_point.row_course import Answer, RowCourse, Step

#: By how much the interval of the polynomials exceeds the eigenvalues.
_MARGIN = 1.001

#: Coefficients, relative to the largest, below which a series of polynomials ends, and the most
#: that it has.
_NONE, MOST = 1e-14, 1000

#: Points per coefficient at which a function is looked at, before it is cut.
_OVERSAMPLED = 2


@dataclass(frozen=True)
class KrylovRows:
    """The rows p_j = T_j(A') B, j < size, with T_j the Chebyshev polynomials.

    A is the second derivative of the objective over L, λ included, and A' what it is mapped to
    where [λ, λ + top] becomes [-1, 1]; B = (1/L) Σ_μ X_μ y_μ is minus its gradient at w = 0.

    Attributes
    ----------
    m, overlap, norms, teacher_overlap : arrays (modes, size), (modes, size, size), (size, size) \
and (size,)
        w*ᵀS_k p_j, p_iᵀS_k p_j, p_i·p_j and w*·p_j.
    residual : array (size + 1, size + 1)
        Σ_k E P_k f_i·f_j on the training set, with f_0 = y, and -f_{j+1} the field of p_j.
    """

    m: Matrix
    overlap: Matrix
    norms: Matrix
    teacher_overlap: Vector
    residual: Matrix


def krylov_rows(ensemble: Ensemble, alpha: float, top: float, size: int) -> KrylovRows:
    """Return the rows for L → ∞ (THEORY.md, section 18).

    They follow one another by steps of the same kind as those of gradient descent, with forces
    linear in the fields: w_1 = B, w_2 = A' w_1 and w_{j+1} = 2 A' w_j - w_{j-1}.
    """
    course, forces = RowCourse(ensemble.spectrum, size), LinearForces(ensemble.law, size + 1)
    drives = np.zeros(size + 1)
    drives[0] = 1.0
    for t in range(size + 1):
        known = slice(0, t + 1)
        told = course.m[:, known], course.memory[:, t, :t], course.overlap[:, t, known]
        drive, response, energy = forces.answer(t, drives[t], drives[known], *told)
        if t < size:
            answer = Answer(alpha * drive, alpha * response, alpha * energy)
            course.advance(answer, _step(t, top))
    rest = slice(1, None)
    return KrylovRows(
        course.m[:, rest],
        course.overlap[:, rest, rest],
        course.norms[rest, rest],
        course.teacher_overlap[rest],
        forces.energy.sum(axis=0),
    )


def _step(t: int, top: float) -> Step:
    """A' = 2 (A - λ)/top - 1, and (A - λ) p = -(1/L) Σ_μ X_μ f_μ of the force f = -Xᵀp."""
    if t == 0:
        return Step(0.0, 0.0, 1.0)
    twice = 1.0 if t == 1 else 2.0
    return Step(-twice, -1.0 if t > 1 else 0.0, -2.0 * twice / top)


def chebyshev_series(function: Callable[[Vector], Matrix], low: float, top: float) -> Matrix | None:
    """Return the coefficients of functions on [low, low + top], (functions, size), cut where small.

    None if there are too many.

    Parameters
    ----------
    function : callable
        Takes points (points,) and returns (functions, points).
    low, top : float
        The least point, and how far the largest is from it.
    """
    size = 16
    while size <= 2 * _OVERSAMPLED * MOST:
        angles = np.pi * (np.arange(size) + 0.5) / size
        values = function(low + 0.5 * top * (1.0 + np.cos(angles)))
        series = dct(values, type=2, axis=1) / size
        series[:, 0] /= 2.0
        sizes = np.abs(series).max(axis=1, keepdims=True)
        large = (np.abs(series) > _NONE * np.where(sizes > 0.0, sizes, 1.0)).any(axis=0)
        used = int(np.flatnonzero(large)[-1]) + 1 if large.any() else 1
        if _OVERSAMPLED * used <= size:
            return np.ascontiguousarray(series[:, :used]) if used <= MOST else None
        size *= 2
    return None


def interval(top: float) -> float:
    """Return the length of the interval of polynomials for eigenvalues up to `top`."""
    return _MARGIN * top
