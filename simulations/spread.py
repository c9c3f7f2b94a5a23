"""Standard deviations that are exactly zero where numbers are equal, and correlations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def deviation(values: Any) -> Floats:
    """Return the standard deviation along the first axis of independent values.

    Differences from the first of them are exact where they are close to each other. From their
    mean they are not: it is rounded, so that even equal numbers would deviate.

    Parameters
    ----------
    values : array (values, ...)
        The values.

    Returns
    -------
    array (...)
        With Bessel's correction: NaN of fewer than two values, or where one is not finite.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = values - values[0]
        # In units of a power of two, whose squares do not leave the range.
        _, exponent = np.frexp(np.abs(gaps).max(axis=0))
        found: Floats = np.ldexp(np.std(np.ldexp(gaps, -exponent), axis=0, ddof=1), exponent)
    return found


def standard_error(values: Any) -> Floats:
    """Return the standard error of the mean along the first axis, as `deviation`."""
    error: Floats = deviation(values) / np.sqrt(max(len(values), 1))
    return error


def correlation(left: Any, right: Any) -> float:
    """Return Pearson's correlation of two arrays, NaN where one of them does not vary."""
    left, right = (np.ravel(each) - np.ravel(each)[0] for each in (left, right))
    if not (left.any() and right.any()):
        return float("nan")
    return float(np.corrcoef(left, right)[0, 1])
