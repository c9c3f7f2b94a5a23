"""Gradient flow, the limit of gradient descent in small steps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from replica.arrays import Matrix, Vector
from replica.predictions.course import Course
from replica.predictions.followable import followable
from replica.predictions.followed import course_of
from replica.predictions.polynomial_course import ROUNDING, polynomial_rows
from replica.problem import Problem
from replica.validation import invalid, numbers

#: The name of the training in tables.
ESTIMATOR = "flow"

#: The longest time, in units of the fastest scale: polynomials follow with its root.
_LONGEST = 1e6


def flow(problem: Problem, times: Iterable[float]) -> Course:
    """Follow gradient flow, dw/dt = -∂/L, on the whole training set from w = 0.

    It is `descent` with infinitely many steps of length 0: η times steps is t. With the squared
    error w = (1 - e^{-At}) A^{-1} B is a function of the second derivatives A of the objective, of
    whose expansion in polynomials every overlap is known to rounding (THEORY.md, section 18).

    Parameters
    ----------
    problem : Problem
        What is learnt, with the squared error.
    times : iterable of float
        t, ascending from 0 or greater.

    Returns
    -------
    Course
        A line for every time, in its column "time".

    Raises
    ------
    ValueError
        If an argument is not allowed, or so long a time at so little weight decay takes more than
        a thousand polynomials of the second derivatives.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, flow
    >>> problem = Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error")
    >>> flow(problem, [0.0, 2.0, 100.0]).test_loss.round(4)
    array([0.3333, 0.3143, 0.3339])
    """
    followable(problem, "gradient descent")
    if problem.loss != "squared-error":
        allowed = "squared-error; with others use descent() at a small rate"
        raise invalid("loss", problem.loss_name, allowed)
    allowed = f"ascending numbers from 0 to {_LONGEST:g}"
    if isinstance(times, (str, bytes)) or not isinstance(times, Iterable):
        raise invalid("times", times, allowed)
    times = list(times)
    array = numbers("times", times, allowed)
    if array.ndim != 1 or not array.size or array[0] < 0.0 or array[-1] > _LONGEST:
        raise invalid("times", times, allowed)
    if not (np.diff(array) > 0.0).all():
        raise invalid("times", times, allowed)
    rows = polynomial_rows(problem, lambda z: _relaxed(array, z))
    return course_of(problem, {"estimator": ESTIMATOR}, rows, array.tolist(), "time", ROUNDING)


def _relaxed(times: Vector, z: Vector) -> Matrix:
    """Return (1 - e^{-zt})/z."""
    zt = np.outer(times, z)
    small = zt < 1e-8
    share = -np.expm1(-zt) / np.where(small, 1.0, zt)
    return np.asarray(times[:, None] * np.where(small, 1.0 - 0.5 * zt, share))
