"""Trainings with the squared error: polynomials of the second derivatives, in closed form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.linear_forces import moments_of
from replica.ensembles import ensemble_of
from replica.predictions.followed import Reached
from replica.problem import Problem
from replica.saddle_point.krylov import MOST, chebyshev_series, interval, krylov_rows
from replica.saddle_point.largest_curvature import largest_eigenvalue
from replica.validation import invalid

#: Relative error of overlaps that are found so, which is rounding.
ROUNDING = 1e-12


def largest_second_moment(problem: Problem) -> float:
    """Return the largest eigenvalue of (1/L) Σ_μ X_μ X_μᵀ over a training set."""
    ensemble = ensemble_of(problem.data)
    return largest_eigenvalue(ensemble, problem.alpha, moments_of(ensemble.law).tilt)


def polynomial_rows(problem: Problem, filters: Callable[[Vector], Matrix]) -> list[Reached]:
    """Return the rows w = φ(A) B of the squared error.

    A is the second derivative of the objective over L, and B minus its gradient at w = 0.

    Parameters
    ----------
    problem : Problem
        With the squared error.
    filters : callable
        Takes eigenvalues of A, (points,), and returns φ(A) for every row, (rows, points).

    Raises
    ------
    ValueError
        If too many polynomials would be needed.
    """
    ensemble = ensemble_of(problem.data)
    # Where no field is seen any interval will do.
    top = interval(largest_second_moment(problem)) or 1.0
    series = chebyshev_series(filters, problem.lam, top)
    if series is None:
        allowed = f"larger, or the training shorter, for {MOST} polynomials to follow it"
        raise invalid("lam", problem.lam, allowed)
    known = krylov_rows(ensemble, problem.alpha, top, series.shape[1])
    residual = np.column_stack([np.ones(len(series)), series])
    m = series @ known.m.T
    q = np.stack([_squares(series, each) for each in known.overlap], axis=1)
    norms, losses = _squares(series, known.norms), 0.5 * _squares(residual, known.residual)
    overlaps = series @ known.teacher_overlap
    return [
        Reached(m[t, None], q[t, None], overlaps[t, None], norms[t, None], losses[t, None])
        for t in range(len(series))
    ]


def _squares(series: Matrix, matrix: Matrix) -> Vector:
    """Return c·M c of every row c of a series."""
    return np.asarray(np.einsum("ti,ti->t", series @ matrix, series))
