"""The squared error averaged over all masks, which is that without masks at another weight decay.

Given the sequence, hiding tokens with probability p leaves Σ_j w_j U s_j the mean (1-p) h and the
covariance p(1-p) Σ_j w_j² (U s_j)(U s_j)ᵀ. So the average of ½ |K0 y - K0 h|² is

    ½ |K0 y - (1-p) K0 h|² + ½ p(1-p) Σ_j w_j² |K0 U s_j|² ,

which in (1-p) w is ridge regression with a weight decay of its own for every site; for U = I it is
the same for all, L λ' with λ' = [λ + α p(1-p)(C-1)/C]/(1-p)².
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulations.estimators.curvature import overlaps
from simulations.estimators.lbfgs import Minimum
from simulations.estimators.minimiser import Training, trained
from simulations.estimators.objective import Rows
from simulations.tokens import Floats


def minimise_averaged(rows: Rows, rate: float, tolerance: float) -> tuple[Training, Floats]:
    """Return rows at the minimum of the squared error averaged over masks, and their losses.

    Parameters
    ----------
    rows : Rows
        The objectives without masks.
    rate : float
        p.
    tolerance : float
        As in `train`.
    """
    kept, noise = 1.0 - rate, rate * (1.0 - rate)
    tokens = rows.tokens[:, : rows.sites]
    own = np.diagonal(overlaps(rows.values))
    lengths = own[tokens]
    stiff = noise * lengths.sum(axis=0)
    alike = np.ptp(stiff) <= np.finfo(float).eps * len(tokens) * stiff.max(initial=0.0)
    if alike:
        scaled = replace(rows, decay=(rows.decay + stiff.max(initial=0.0)) / kept**2)
    else:
        scaled = replace(rows, decay=rows.decay / kept**2, ridge=stiff / kept**2)
    minimum = rows.loss.minimise(scaled, tolerance, 1)
    points = minimum.points.copy()
    fields = scaled.fields(points)
    points[: rows.sites] /= kept
    columns = np.arange(len(rows.rows))
    means = rows.loss.expected(fields, rows.seen(columns)).mean(axis=0)
    spread = 0.5 * noise * (lengths @ points[: rows.sites] ** 2).mean(axis=0)
    return trained(rows, _at(points, minimum)), means + spread


def _at(points: Floats, minimum: Minimum) -> Minimum:
    """Return a minimum in other units of w."""
    return replace(minimum, points=points)
