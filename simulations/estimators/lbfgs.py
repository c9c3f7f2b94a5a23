"""Many independent smooth convex problems, minimised side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulations.tokens import Floats

Columns = NDArray[np.int64]

#: Curvature pairs that are remembered.
_MEMORY = 6

#: Step of the finite difference for the curvature, relative to the length of the point.
_PROBE = 1e-3


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation stopped, one entry or column per problem.

    Parameters
    ----------
    points : array (variables, problems)
        The last points.
    residuals : array (problems,)
        Norm of the gradient there, relative to its norm at the start.
    evaluations : int array (problems,)
        Evaluations of value and gradient.
    statuses : array of str (problems,)
        "converged", "max-steps", "diverged" or "not-finite".
    slopes : array (variables, problems)
        The gradients at the last points.
    """

    points: Floats
    residuals: Floats
    evaluations: NDArray[np.int64]
    statuses: NDArray[np.object_]
    slopes: Floats


# Points on their way to infinity overflow, which their statuses tell.
@np.errstate(over="ignore", invalid="ignore", under="ignore")
def minimise(
    objective: Callable[[Floats, Columns], tuple[Floats, Floats]],
    precondition: Callable[[Floats, Columns], Floats],
    start: Floats,
    first: tuple[Floats, Floats],
    tolerance: float,
    max_steps: int,
    convexity: float,
    floor: float = -np.inf,
) -> Minimum:
    """Minimise convex functions, one per column of `start`, by preconditioned L-BFGS.

    Every problem has its own history and step length (Nocedal & Wright, *Numerical
    Optimization*, algorithm 7.4); only the evaluations are shared.

    Parameters
    ----------
    objective : callable
        Called with points (variables, n) and the numbers of the n problems; returns their
        values (n,) and gradients (variables, n).
    precondition : callable
        Called with gradients (variables, n) and the numbers of the problems; returns about
        the inverse Hessians times these.
    start : array (variables, problems)
        Where to start.
    first : pair of arrays
        Values and gradients there, which may be known without an evaluation.
    tolerance : float
        A problem has converged when its gradient norm, relative to that at the start, is
        below this, and the next step and that of steepest descent are, relative to the point,
        below its root: with a minimum that is far away, or at infinity, the gradient vanishes
        long before. Directions that are flat beside others can hide from both: see
        `simulations.estimators.certificate`.
    max_steps : int
        The most steps of any problem.
    convexity : float
        A lower bound on the eigenvalues of the Hessians, 0 or greater.
    floor : float
        A problem whose value falls below this has no minimum and stops as diverged.
    """
    problems = start.shape[1]
    points, slopes, residuals = start.copy(), np.empty_like(start), np.ones(problems)
    evaluations = np.zeros(problems, dtype=np.int64)
    statuses = np.full(problems, "max-steps", dtype=object)

    columns = np.arange(problems)
    point = start.copy()
    value, slope = first
    scale = _norm(slope)
    scale[scale == 0] = np.inf
    direction = -precondition(slope, columns)
    length = np.ones(problems)
    accepted = np.zeros(problems, dtype=bool)
    history: deque[tuple[Floats, Floats, Floats]] = deque(maxlen=_MEMORY)

    for step in range(max_steps + 1):
        if accepted.any():
            fresh = -_apply_history(slope, columns, history, precondition)
            direction = np.where(accepted, fresh, direction)
        gradient_norm, distance = _norm(slope), _norm(point)
        tolerance_x = np.sqrt(tolerance) * distance
        residual = gradient_norm / scale
        converged = (residual < tolerance) & (_norm(direction) <= tolerance_x)
        check = np.nonzero(converged & (gradient_norm > convexity * tolerance_x))[0]
        if check.size:
            probe = slope[:, check] * (_PROBE * distance[check] / gradient_norm[check])
            gradient_there = objective(point[:, check] - probe, columns[check])[1]
            curvature = _dot(slope[:, check] - gradient_there, probe) / _dot(probe, probe)
            converged[check] = gradient_norm[check] <= curvature * tolerance_x[check]
            evaluations[columns[check]] += 1
        points[:, columns], slopes[:, columns], residuals[columns] = point, slope, residual
        finished = np.full(len(columns), step == max_steps)
        for status, reached in (
            ("converged", converged),
            ("diverged", value < floor),
            ("not-finite", ~np.isfinite(value + residual)),
        ):
            statuses[columns[reached]] = status
            finished |= reached
        if finished.all():
            break
        if finished.any():
            # What is done leaves, so that the rest costs less.
            on = ~finished
            columns, value, scale, length = columns[on], value[on], scale[on], length[on]
            point, slope, direction = point[:, on], slope[:, on], direction[:, on]
            accepted = accepted[on]
            history = deque(((s[:, on], y[:, on], c[on]) for s, y, c in history), _MEMORY)

        descent = _dot(slope, direction)
        trial = point + length * direction
        trial_value, trial_slope = objective(trial, columns)
        evaluations[columns] += 1
        # For a convex function the slope along the step tells all: far beyond the minimum
        # it is steep and positive. Unlike values, slopes can be trusted to the last digits.
        beyond = _dot(trial_slope, direction)
        accepted = beyond <= -0.9 * descent
        change = np.where(accepted, length * direction, 0.0)
        turn = np.where(accepted, trial_slope - slope, 0.0)
        curvature = _dot(change, turn)
        history.append((change, turn, np.where(curvature > 0, curvature, np.inf)))
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip(descent / (descent - beyond), 0.1, 0.5)
        shorter = length * np.nan_to_num(share, nan=0.1)
        point = np.where(accepted, trial, point)
        slope = np.where(accepted, trial_slope, slope)
        value = np.where(accepted, trial_value, value)
        length = np.where(accepted, 1.0, shorter)
    return Minimum(points, residuals, evaluations, statuses, slopes)


def clear_rounding(slopes: Floats, rounding: float) -> None:
    """Set gradients to zero, one per column, of which nothing exceeds rounding errors.

    Where they cancel the start is the minimum; what is left of them leads astray.
    """
    slopes[:, np.abs(slopes).max(axis=0) <= rounding] = 0.0


def _apply_history(
    slope: Floats,
    columns: Columns,
    history: deque[tuple[Floats, Floats, Floats]],
    precondition: Callable[[Floats, Columns], Floats],
) -> Floats:
    """Return the quasi-Newton inverse Hessians times the gradients: the two-loop recursion.

    A pair of infinite curvature stands for a rejected step and has no effect.
    """
    result, weights = slope.copy(), []
    for change, turn, curvature in reversed(history):
        weight = _dot(change, result) / curvature
        result -= weight * turn
        weights.append(weight)
    result = precondition(result, columns)
    for (change, turn, curvature), weight in zip(history, reversed(weights), strict=True):
        result += (weight - _dot(turn, result) / curvature) * change
    return result


def _dot(left: Floats, right: Floats) -> Floats:
    product: Floats = np.einsum("jr,jr->r", left, right)
    return product


def _norm(vectors: Floats) -> Floats:
    return np.sqrt(_dot(vectors, vectors))
