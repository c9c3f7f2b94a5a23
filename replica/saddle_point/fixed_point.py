"""Fixed points of a smooth map by Newton's method with Broyden's updates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.saddle_point.status import Status

#: No coordinate moves further in one step: far from the solution a Newton step overshoots.
_LONGEST_STEP = 3.0

#: A step that shrinks the gap less than this means that the Jacobian is out of date.
_GOOD_STEP = 0.3

#: What a step that widens the gap makes of the bound on the next one.
_SHORTER = 0.6

#: Gaps of this size may be all rounding.
_STALLED = 1e-10

#: Where steps of this size leave the domain of F, its edge is at hand.
_SHORT = 1e-3

#: A coordinate beyond this size means divergence.
_FAR = 90.0

_DIFFERENCE = 1e-5


def amplification(inverse: Any) -> float:
    """Return how much larger than a gap what an inverse leads to can be; NaN if it is none."""
    if not isinstance(inverse, np.ndarray):
        return float(inverse.norm)
    found = max(sum(map(abs, row)) for row in inverse.tolist())
    return found if math.isfinite(found) else math.nan


class FixedPoint(NamedTuple):
    """Where the search ended.

    Attributes
    ----------
    x : array
        The last point.
    gap : array
        F(x) - x there.
    inverse : array, or Memory
        Estimate of the inverse of the gap's derivative, to start a search nearby.
    status : Status
        Converged, or max-steps, diverged or not-finite.
    """

    x: Vector
    gap: Vector
    inverse: Any
    status: Status


def find_fixed_point(
    function: Callable[[Vector], Vector],
    start: Vector,
    inverse: Matrix | None,
    tolerance: float,
    budget: Callable[[], int],
) -> FixedPoint:
    """Solve F(x) = x by Newton's method with Broyden's updates.

    The gap may grow on the way: with steps of bounded length that is what leads out of the
    flat valleys of nearly singular problems. The derivative is measured by differences at
    the start, if none is given, and wherever a step gains too little.

    Parameters
    ----------
    function : callable
        F. Values that are not finite shorten the step; where even a short one, along a
        fresh derivative, ends in them, the search has diverged.
    start : array
        Where to begin.
    inverse : array or None
        Inverse of the derivative of F(x) - x near the start, if known.
    tolerance : float
        Largest |F(x) - x|, and largest Newton step, of a converged point; where the rounding
        of F does not allow it, 1e-10 is enough.
    budget : callable
        Number of evaluations of F that are left.
    """
    x = start
    gap = function(x) - x
    fresh = inverse is None
    if inverse is None:
        inverse = _measured(function, x, gap)
    longest = _LONGEST_STEP
    while True:
        step = -(inverse @ gap)
        size, length = largest(gap), largest(step)
        if not math.isfinite(size + length):
            return FixedPoint(x, gap, inverse, Status.NOT_FINITE)
        if size < tolerance and length < tolerance:
            return FixedPoint(x, gap, inverse, Status.CONVERGED)
        if budget() <= 0:
            return FixedPoint(x, gap, inverse, Status.MAX_STEPS)
        if length > longest:
            step *= longest / length
        new_x = x + step
        new_gap = function(new_x) - new_x
        new_size = largest(new_gap)
        while not math.isfinite(new_size) and budget() > 0 and largest(step) > _SHORT:
            step = 0.5 * step
            new_x = x + step
            new_gap = function(new_x) - new_x
            new_size = largest(new_gap)
        if largest(new_x) > _FAR:
            return FixedPoint(new_x, new_gap, inverse, Status.DIVERGED)
        if fresh and not math.isfinite(new_size) and largest(step) <= _SHORT:
            return FixedPoint(x, gap, inverse, Status.DIVERGED)
        # A point that is overshot again and again is approached in ever shorter steps.
        longest = _SHORTER * longest if new_size > size else _LONGEST_STEP
        shrunk = new_size < _GOOD_STEP * size
        if shrunk or (new_size < tolerance and largest(inverse @ new_gap) < tolerance):
            # Where the gap is all rounding its change tells nothing of the derivative.
            if shrunk:
                inverse = _updated(inverse, step, inverse @ (new_gap - gap))
            x, gap, fresh = new_x, new_gap, False
            continue
        if fresh and size < _STALLED:
            # A measured derivative that gains nothing here has met the rounding of F.
            return FixedPoint(x, gap, inverse, Status.CONVERGED)
        if fresh or new_size < size:
            x, gap = new_x, new_gap
        # Otherwise an inherited derivative misled: step again from where it did.
        inverse, fresh = _measured(function, x, gap), True


def _updated(inverse: Matrix, step: Vector, change: Vector) -> Matrix:
    """Return Broyden's update after a step along which the gap changed by this, times `inverse`."""
    along = float(step @ change)
    return inverse + (step - change)[:, None] * (step @ inverse / along) if along else inverse


def largest(vector: Vector) -> float:
    """Return max |vector_i|, or infinity if any component is not finite."""
    values = vector.tolist()
    return max(map(abs, values)) if math.isfinite(sum(values)) else math.inf


def _measured(function: Callable[[Vector], Vector], x: Vector, gap: Vector) -> Matrix:
    columns = []
    for i in range(x.size):
        shifted = x.copy()
        shifted[i] += _DIFFERENCE
        columns.append((function(shifted) - shifted - gap) / _DIFFERENCE)
    derivative = np.stack(columns, axis=1)
    try:
        return np.asarray(np.linalg.inv(derivative))
    except np.linalg.LinAlgError:
        return np.full_like(derivative, np.nan)
