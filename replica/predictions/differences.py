"""Derivatives of what cannot be differentiated by hand, with the error of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from replica.arrays import Vector

#: Steps, each half of the one before, and the fewest that are taken.
_LEVELS, _FEWEST = 9, 3

#: Relative error at which a derivative is good enough.
_ENOUGH = 1e-10


class Derivative(NamedTuple):
    """Derivatives of a vector in one variable, and the error of each entry."""

    value: Vector
    error: Vector


def derivative(
    function: Callable[[float], Vector], step: float, centred: bool = True
) -> Derivative:
    """Differentiate a smooth function at 0 by differences, extrapolated to vanishing steps.

    Ridders' method: with every halving of the step the polynomials through all differences so far
    are extrapolated, and each entry keeps the estimate that differs least from those it is made
    of. Rounding, which grows as the steps shrink, cannot spoil it then.

    Parameters
    ----------
    function : callable
        Its values are arrays of one shape; an entry that is NaN or infinite has no derivative.
    step : float
        The longest step, within which the function is smooth.
    centred : bool
        Whether it may be asked on both sides of 0, or on the right only.
    """
    here = None if centred else function(0.0)
    factor = 4.0 if centred else 2.0
    row: list[Vector] = []
    value = error = np.empty(0)
    with np.errstate(invalid="ignore"):
        for level in range(_LEVELS):
            h = step * 0.5**level
            right = function(h)
            slope = (right - function(-h)) / (2.0 * h) if here is None else (right - here) / h
            if not row:
                row, value, error = [slope], slope, np.full_like(slope, np.inf)
                continue
            last, row = row, [slope]
            for order, coarser in enumerate(last, start=1):
                finer = row[-1]
                better = finer + (finer - coarser) / (factor**order - 1.0)
                doubt = np.maximum(np.abs(better - finer), np.abs(better - coarser))
                closer = doubt < error
                value, error = np.where(closer, better, value), np.where(closer, doubt, error)
                row.append(better)
            settled = error <= _ENOUGH * np.abs(value)
            worse = np.abs(row[-1] - last[-1]) > 2.0 * error
            if level + 1 >= _FEWEST and np.all(settled | worse | ~np.isfinite(value)):
                break
        finite = np.isfinite(value)
    return Derivative(np.where(finite, value, np.nan), np.where(finite, error, np.nan))
