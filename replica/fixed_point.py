"""Fixed points of a smooth map by a quasi-Newton method."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

#: No coordinate moves further in one step: far from the solution a Newton step overshoots.
_LONGEST_STEP = 3.0

#: A step that shrinks the gap less than this means that the Jacobian is out of date.
_GOOD_STEP = 0.3

#: What a step that widens the gap makes of the bound on the next one.
_SHORTER = 0.6

_DIFFERENCE = 1e-5


class FixedPoint(NamedTuple):
    """Where the search ended.

    Attributes
    ----------
    x : array
        The last point.
    gap : array
        F(x) - x there.
    jacobian : array
        Estimate of the derivative of the gap, to start a search nearby.
    status : str
        "converged", "max-steps", "diverged" or "not-finite".
    """

    x: Vector
    gap: Vector
    jacobian: Matrix
    status: str


def find_fixed_point(
    function: Callable[[Vector], Vector],
    start: Vector,
    jacobian: Matrix | None,
    tolerance: float,
    budget: Callable[[], int],
    bound: float = 90.0,
) -> FixedPoint:
    """Solve F(x) = x by Newton's method with Broyden's updates.

    The gap may grow on the way: with steps of bounded length that is what leads out of the
    flat valleys of nearly singular problems. A Jacobian is measured by differences at the
    start, if none is given, and wherever a step gains too little.

    Parameters
    ----------
    function : callable
        F. Values that are not finite shorten the step.
    start : array
        Where to begin.
    jacobian : array or None
        Derivative of F(x) - x near the start, if known.
    tolerance : float
        Largest |F(x) - x|, and largest Newton step, of a converged point.
    budget : callable
        Number of evaluations of F that are left.
    bound : float
        A coordinate beyond this size means divergence.
    """
    x = start
    gap = function(x) - x
    fresh = jacobian is None
    longest = _LONGEST_STEP
    if jacobian is None:
        jacobian = _differences(function, x, gap)
    while True:
        if not (np.isfinite(gap).all() and np.isfinite(jacobian).all()):
            return FixedPoint(x, gap, jacobian, "not-finite")
        size = np.abs(gap).max()
        try:
            step = np.linalg.solve(jacobian, -gap)
        except np.linalg.LinAlgError:
            return FixedPoint(x, gap, jacobian, "not-finite")
        if size < tolerance and np.abs(step).max() < tolerance:
            return FixedPoint(x, gap, jacobian, "converged")
        if budget() <= 0:
            return FixedPoint(x, gap, jacobian, "max-steps")
        step *= min(1.0, longest / np.abs(step).max())
        new_x = x + step
        new_gap = function(new_x) - new_x
        while not np.isfinite(new_gap).all() and budget() > 0 and np.abs(step).max() > 1e-3:
            step *= 0.5
            new_x = x + step
            new_gap = function(new_x) - new_x
        if np.abs(new_x).max() > bound:
            return FixedPoint(new_x, new_gap, jacobian, "diverged")
        new_size = np.abs(new_gap).max()
        # A point that is overshot again and again is approached in ever shorter steps.
        longest = _SHORTER * longest if new_size > size else _LONGEST_STEP
        if new_size < _GOOD_STEP * size or new_size < tolerance:
            jacobian = jacobian + np.outer(new_gap - gap - jacobian @ step, step) / (step @ step)
            x, gap, fresh = new_x, new_gap, False
        elif not fresh and not new_size < size:
            # An inherited Jacobian misled: measure it here, and step again.
            jacobian, fresh = _differences(function, x, gap), True
        else:
            x, gap = new_x, new_gap
            jacobian, fresh = _differences(function, x, gap), True


def _differences(function: Callable[[Vector], Vector], x: Vector, gap: Vector) -> Matrix:
    columns = []
    for i in range(x.size):
        shifted = x.copy()
        shifted[i] += _DIFFERENCE
        columns.append((function(shifted) - shifted - gap) / _DIFFERENCE)
    return np.stack(columns, axis=1)
