"""Ridge regression of sites on the others, for fewer equations than sites."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from simulations.estimators.curvature import SampleSpace
from simulations.tokens import Floats

#: Curvatures below this, relative to the largest, are taken for zero.
_SINGULAR = 1e-12


def regressed(
    inputs: Floats, answers: Floats, decay: float, rows: NDArray[np.int64], tolerance: float
) -> tuple[Floats, Floats, Floats]:
    """Return argmin_w ½ |y_i - X_i w|² + (decay/2) |w|² for many sites i, and its gradients.

    X_i is X without its column i. Without weight decay it is the shortest minimiser.

    Parameters
    ----------
    inputs : array (lines, sites)
        X.
    answers : array (lines, rows)
        y_i.
    decay : float
        Weight decay, 0 or greater.
    rows : int array (rows,)
        The sites i.
    tolerance : float
        As in `train`.

    Returns
    -------
    points : array (sites, rows)
        The minimisers, zero at the sites i.
    slopes : array (sites, rows)
        The gradients there.
    residuals : array (rows,)
        Their norms, relative to those at w = 0.
    """
    columns = np.arange(len(rows))
    own = rows, columns

    def spread(lines: Floats) -> Floats:
        spread: Floats = inputs.T @ lines
        spread[own] = 0.0
        return spread

    def gradient(points: Floats) -> tuple[Floats, Floats]:
        slopes: Floats = decay * points - spread(answers - inputs @ points)
        return slopes, np.linalg.norm(slopes, axis=0) / scale

    scale = np.linalg.norm(spread(answers), axis=0)
    scale[scale == 0] = 1.0
    points = np.zeros((inputs.shape[1], len(rows)))
    lines, corrections = np.zeros_like(answers), np.full(len(rows), np.inf)
    try:
        space = SampleSpace(inputs, decay, rows)
        # The second round removes the rounding errors of the first, and tells their size.
        for _ in range(2):
            missed = answers - inputs @ points - decay * lines
            correction = space.by_samples(missed, columns)
            lines += correction
            points = spread(lines)
            corrections = np.linalg.norm(spread(correction), axis=0)
    except np.linalg.LinAlgError:
        pass
    slopes, residuals = gradient(points)
    small = corrections <= np.sqrt(tolerance) * np.linalg.norm(points, axis=0)
    sound = (residuals < tolerance) & small
    for r in np.nonzero(~sound)[0]:
        others = np.delete(inputs, rows[r], axis=1)
        left, sizes, right = linalg.svd(others, full_matrices=False)
        curvatures = sizes**2 + decay
        seen = curvatures > _SINGULAR * curvatures.max(initial=0.0)
        shares = (left.T @ answers[:, r])[seen] * sizes[seen] / curvatures[seen]
        points[np.arange(len(points)) != rows[r], r] = right[seen].T @ shares
    if not sound.all():
        slopes, residuals = gradient(points)
    return points, slopes, residuals
