"""The largest second derivative of a training objective, which limits the steps of descent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.ensembles.ensemble import Ensemble

#: The most of Newton's steps, which halve their length at the edge, and the last one's length.
_ROUNDS, _SETTLED = 60, 1e-13

#: Relative width at which the search for the edge ends.
_WIDTH = 1e-10


class Inputs(NamedTuple):
    """S_k (modes, nodes), and the shares of the nodes in the spectrum and in |w*|²."""

    scaled: Matrix
    weights: Vector
    teacher: Vector


def largest_eigenvalue(ensemble: Ensemble, alpha: float, tilt: Vector) -> float:
    """Return the largest eigenvalue of (1/L) Σ_μ X_μ X_μᵀ over the inputs of a training set.

    To the right of the bulk the equations of THEORY.md, section 18, have a real solution
    v_k = <S_k/R>, R = z - Σ_l α d_l S_l/(1 - v_l).
    Class means put an eigenvalue of their own beyond the bulk where the matrix
    α/(1 - v_l) <S_k S_l/R>_* times -tilt_l has an eigenvalue above 1.

    Parameters
    ----------
    ensemble : Ensemble
        One of a spectrum.
    alpha : float
        Sequences per site.
    tilt : array (modes,)
        ∂ E pull·(y - ω)/∂m, 0 where the inputs do not depend on the masked token.
    """
    spectrum, unit = ensemble.spectrum, float(ensemble.spectrum.scaled.max())
    if unit == 0.0:
        return 0.0
    dimensions = ensemble.law.dimensions.astype(float)
    inputs = Inputs(spectrum.scaled / unit, spectrum.weights, unit * spectrum.teacher)

    def beyond(z: float) -> bool:
        return _beyond(z, inputs, alpha, dimensions, tilt)

    # The largest variance of an input is 1 here: no eigenvalue that counts is much smaller.
    low, high = 0.0, 1.0
    while not beyond(high):
        low, high = high, 2.0 * high
    while low == 0.0 and high > _WIDTH:
        if not beyond(0.5 * high):
            low = 0.5 * high
        else:
            high *= 0.5
    while high - low > _WIDTH * high:
        middle = 0.5 * (low + high)
        if beyond(middle):
            high = middle
        else:
            low = middle
    return unit * high


def _beyond(z: float, inputs: Inputs, alpha: float, dimensions: Vector, tilt: Vector) -> bool:
    """Tell whether all eigenvalues are below z."""
    scaled, weights, teacher = inputs
    v, one = np.zeros(len(scaled)), np.eye(len(scaled))
    # The map is increasing and convex: Newton's steps from 0 stay below its least fixed point.
    for _ in range(_ROUNDS):
        rest = z - (alpha * dimensions / (1.0 - v)) @ scaled
        if not rest.min() > 0.0:
            return False
        slope = (scaled * (weights / rest**2)) @ scaled.T * (alpha * dimensions / (1.0 - v) ** 2)
        if not _radius(slope) < 1.0:
            return False
        move = np.linalg.solve(one - slope, scaled @ (weights / rest) - v)
        v = v + move
        if not v.max() < 1.0:
            return False
        if np.abs(move).max() <= _SETTLED:
            break
    pull = (scaled * (teacher / rest)) @ scaled.T * (-alpha * tilt / (1.0 - v))
    return _radius(pull) < 1.0


def _radius(matrix: Matrix) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max())
