"""Full-batch gradient descent: the course of a row from zero towards the minimum."""

from __future__ import annotations

from typing import Any

import numpy as np

from replica.arrays import Matrix, Vector
from replica.channels.path_signals import own_dimensions
from replica.predictions.course import Course
from replica.predictions.followable import followable
from replica.predictions.followed import course_of
from replica.predictions.path_course import Descent, Watch, path_rows
from replica.predictions.polynomial_course import ROUNDING, largest_second_moment, polynomial_rows
from replica.problem import Problem
from replica.validation import integer, invalid, non_negative, positive

#: The name of the training in tables.
ESTIMATOR = "descent"

#: The most steps with the squared error, and with other losses, whose paths remember every step.
_MOST_STEPS = 10_000, 2000

#: Paths without further notice, and at most.
PATHS, _MOST_PATHS = 2**14, 2**26


def descent(
    problem: Problem, rate: float, steps: int, *, momentum: float = 0.0, paths: int = PATHS
) -> Course:
    """Follow gradient descent on the whole training set, from w = 0.

    A step is w ← w + μ Δw - (η/L) ∂, with Δw the step before and ∂ the gradient of
    Σ_μ ℓ + (L λ/2) |w|², the objective that `solve` describes the minimum of. For L → ∞ the fields
    of a training sequence are a Gaussian process with a memory of their own forces: dynamical mean
    field theory, exact at every step (THEORY.md, section 18).

    With the squared error all of it is linear, and solved to rounding. Other losses are averaged
    over quasi-random paths of the process. The spread over ten further, independent sets of paths,
    each of a sixteenth, tells the standard error that every observable has beside it
    (`course.standard_error`).

    Parameters
    ----------
    problem : Problem
        What is learnt: PottsTokens, CustomTokens, IndependentTokens, rows of given couplings and,
        with the squared error, GaussianTokens. A loss of the user's has to be twice differentiable.
    rate : float
        η, greater than 0 and such that steps are stable whatever the fields:
        η <= 2 (1 + μ)/(λ + c z), z the largest eigenvalue of Σ_μ X_μ X_μᵀ/L and c the largest
        curvature of the loss, 1 for the squared error and 1/2 for the cross-entropy.
    steps : int
        Number of steps, 1 or greater: up to 10,000 with the squared error, else up to 2000. The
        time grows with its cube, and with (C-1)²: 200 steps of C = 3 take about half a minute.
    momentum : float
        μ, 0 or greater and less than 1 (heavy ball).
    paths : int
        Paths that are sampled, if they are needed, rounded up to a power of 2.

    Returns
    -------
    Course
        A line for every step, from 0 on. Its `error` bounds the relative error beside the standard
        errors; `course.best` is the line where training had better stop.

    Raises
    ------
    ValueError
        If an argument is not allowed, or steps are not stable: the largest stable rate is named.
        With the squared error also if so many steps at so little weight decay take more than a
        thousand polynomials of the second derivatives.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, descent
    >>> problem = Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error")
    >>> course = descent(problem, rate=0.3, steps=40)
    >>> course.test_loss[[0, 10, 40]].round(4), int(course.best["step"])
    (array([0.3333, 0.3242, 0.3338]), 2)
    """
    return descended(problem, descent_of(problem, rate, steps, momentum), paths)


def descent_of(problem: Problem, rate: float, steps: int, momentum: float = 0.0) -> Descent:
    """Return a descent of allowed length, or raise ValueError."""
    ensemble = followable(problem, "gradient descent")
    linear = problem.loss == "squared-error"
    if not linear:
        own_dimensions(ensemble.law)
    rate, momentum = positive("rate", rate), non_negative("momentum", momentum)
    if momentum >= 1.0:
        raise invalid("momentum", momentum, "a number from 0 to less than 1")
    return Descent(rate, momentum, integer("steps", steps, 1, _MOST_STEPS[not linear]))


def descended(problem: Problem, told: Descent, paths: int, watch: Watch = iter) -> Course:
    """Return the course of a descent; `watch` sees the sets of paths pass."""
    paths = integer("paths", paths, 1, _MOST_PATHS)
    if problem.loss == "squared-error":
        told.check(problem.lam, largest_second_moment(problem))
        rows = polynomial_rows(problem, lambda z: steps_of(told, z))
    else:
        rows = path_rows(problem, told, paths, watch)
    training: dict[str, Any] = {"estimator": ESTIMATOR, "rate": told.rate}
    if told.momentum:
        training["momentum"] = told.momentum
    return course_of(problem, training, rows, range(told.steps + 1), "step", ROUNDING)


def steps_of(told: Descent, z: Vector) -> Matrix:
    """Return φ_t(z) of w_t = φ_t(A) B for every step: φ' = φ + μ Δφ + η (1 - z φ)."""
    if not told.momentum:
        return _powers(told, z)
    found = np.zeros((told.steps + 1, len(z)))
    found[1] = told.rate
    for t in range(1, told.steps):
        moved = found[t] - found[t - 1]
        found[t + 1] = found[t] + told.rate * (1.0 - z * found[t]) + told.momentum * moved
    return found


def _powers(told: Descent, z: Vector) -> Matrix:
    """Return (1 - (1 - η z)^t)/z, of as many digits at every z."""
    steps, move = np.arange(told.steps + 1)[:, None], told.rate * z
    small = move < 0.5
    near = -np.expm1(steps * np.log1p(-np.where(small, move, 0.0)))
    far = 1.0 - (1.0 - np.where(small, 1.0, move)) ** steps
    tiny = move < 1e-14
    quotient = np.where(small, near, far) / np.where(tiny, 1.0, z)
    return np.where(tiny, told.rate * steps, quotient)
