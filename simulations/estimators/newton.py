"""Newton's method with a proof of where the minimum is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from simulations.tokens import Floats

_EPSILON = float(np.finfo(float).eps)


class Local(NamedTuple):
    """A convex objective around a point.

    Parameters
    ----------
    slope : array (variables,)
        Gradient.
    noise : float
        Length of its rounding error.
    bend : array (variables, variables)
        Hessian.
    blur : float
        Largest error of an eigenvalue, where the Hessian is more than rounded.
    """

    slope: Floats
    noise: float
    bend: Floats
    blur: float = 0.0


class Approach(NamedTuple):
    """Where Newton steps led.

    Parameters
    ----------
    point, slope : arrays (variables,)
        The last point and the gradient there.
    steps : int
        Steps that led there.
    exists, near : bool
        Whether it is proven that there is a minimiser, and that it is near.
    """

    point: Floats
    slope: Floats
    steps: int
    exists: bool
    near: bool


def approach(
    look: Callable[[Floats], Local],
    turn: Callable[[Floats], float],
    point: Floats,
    close: float,
    reach: float,
    most: int,
) -> Approach:
    """Take Newton steps until the Hessian H proves that a point x is near the minimiser x*.

    Let the Hessian fall by at most a factor f = e^d where no difference of fields changes by more
    than d ≤ 1. Then |x - x*|² is at most f² gᵀH⁻¹g over the least eigenvalue of H, if fields
    change by no more than d within twice this distance: outside of it the objective is above its
    value at x. A step is cut where it changes more than 1.

    Parameters
    ----------
    look : callable
        Returns the objective around a point.
    turn : callable
        Returns the largest change of a difference of fields by a step.
    point : array (variables,)
        Where to start.
    close : float
        Distance from the minimiser, relative to |x|, that is near; x = 0 is where the gradient
        is rounding alone.
    reach : float
        Length within which no difference of fields changes by more than 1/2.
    most : int
        The most steps.
    """
    exists = near = False
    here = look(point)
    for step in range(most + 1):
        if not np.isfinite(here.bend).all() or not np.isfinite(here.slope).all():
            break
        try:
            move = np.asarray(np.linalg.solve(here.bend, -here.slope))
        except np.linalg.LinAlgError:
            break
        decrement, radius = -float(here.slope @ move), close * float(np.linalg.norm(point))
        exists = _within(here, decrement, reach, reach)
        if radius > 0:
            near = _within(here, decrement, min(radius, reach), reach)
        else:
            # At zero, a gradient of rounding errors alone.
            near = exists and float(np.linalg.norm(here.slope)) <= here.noise
        change = turn(move)
        if near or step == most or not np.isfinite(change):
            break
        point = point + move / max(1.0, change)
        here = look(point)
    return Approach(point, here.slope, step, exists, near)


def definite(matrix: Floats, least: float) -> bool:
    """Tell whether all eigenvalues of a matrix are above `least`, beyond their rounding."""
    rounding = _EPSILON * len(matrix) * float(np.trace(matrix))
    try:
        np.linalg.cholesky(matrix - (least + rounding) * np.eye(len(matrix)))
    except np.linalg.LinAlgError:
        return False
    return True


def _within(here: Local, decrement: float, radius: float, reach: float) -> bool:
    """Tell whether the minimiser is proven to be within a radius.

    With c the least eigenvalue, its distance is at most f √(decrement/c) + f noise/c, f = e^(r/l):
    rounding may point anywhere. The quadratic equation for 1/√c tells the c of equality.
    """
    most = radius * np.exp(-radius / reach)
    if not (0 <= decrement < np.inf and most > 0):
        return False
    root = np.sqrt(decrement)
    root_of_c = (root + np.sqrt(root**2 + 4 * here.noise * most)) / (2 * most)
    return definite(here.bend, root_of_c**2 + here.blur)
