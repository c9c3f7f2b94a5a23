"""Points of intervals at equal angles, for densities that end like a root."""

from __future__ import annotations

import numpy as np

from replica.arrays import Matrix, Vector


def equal_angles(intervals: Matrix, count: int) -> tuple[Vector, Matrix, Matrix]:
    """Return angles, the points of every interval at them, and d point/d angle.

    All averages over a density that vanishes like a root at both ends are smooth in the angle, and
    exact by the mid-point rule: the integral of f is Σ f(point) d point/d angle · π/count.

    Parameters
    ----------
    intervals : array (intervals, 2)
        Their ends, the lower one first.
    count : int
        Points of each.

    Returns
    -------
    array (count,), array (intervals, count), array (intervals, count)
    """
    angle = np.pi * (np.arange(count) + 0.5) / count
    middle, half = intervals.mean(axis=1)[:, None], 0.5 * np.diff(intervals, axis=1)
    return angle, middle - half * np.cos(angle), half * np.sin(angle)
