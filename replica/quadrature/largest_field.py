"""The probability that one of several Gaussian fields, of any covariance, is the largest."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri, owens_t

from replica.arrays import Matrix, Vector
from replica.quadrature.point_sets import uniform_scrambles
from replica.quadrature.rule import Accuracy

#: log2 of the number of Sobol points in each scramble.
_SOBOL = (8, 11, 13)

#: Variance of a component given others, relative to its own, that is none.
_NONE = 1e-14


def largest_probability(means: Vector, slopes: Matrix, accuracy: Accuracy) -> Vector:
    """Return P(means + slopes ξ > 0 in every component), ξ ~ N(0, I), by scrambles of the points.

    The components are the differences of one field to the others. One or two have closed forms.
    """
    if len(means) == 1:
        return np.array([_normal(float(means[0]), float(np.linalg.norm(slopes)))])
    if len(means) == 2:
        return np.array([_quadrant(means, slopes)])
    return _orthant(means, slopes, accuracy)


def _normal(mean: float, deviation: float) -> float:
    """Return P(mean + deviation ξ > 0)."""
    return float(ndtr(mean / deviation)) if deviation > 0.0 else float(mean > 0.0)


def _quadrant(means: Vector, slopes: Matrix) -> float:
    """Return the probability that both components are positive, by Owen's function."""
    deviations = np.linalg.norm(slopes, axis=1)
    if not deviations.min() > 0.0:
        return _normal(means[0], deviations[0]) * _normal(means[1], deviations[1])
    h, k = (means / deviations).tolist()
    first, second = slopes / deviations[:, None]
    cosine = float(np.clip(first @ second, -1.0, 1.0))
    # The sine of the angle between the two, which 1 - cos² would lose.
    sine = abs(float(first[0] * second[1] - first[1] * second[0]))
    if sine == 0.0:
        both = ndtr(min(h, k)) if cosine > 0.0 else max(ndtr(h) - ndtr(-k), 0.0)
        return float(both)
    if h == k == 0.0:
        return 0.25 + math.asin(cosine) / (2.0 * math.pi)
    total = 0.5 * (ndtr(h) + ndtr(k))
    for one, other in ((h, k), (k, h)):
        slope = (other - cosine * one) / sine
        # T(h, slope/h), which at h = 0 is the angle of an infinite slope.
        total -= owens_t(one, slope / one) if one else 0.25 * np.sign(slope)
    apart = h * k < 0.0 or (h * k == 0.0 and h + k < 0.0)
    return float(total - 0.5 * apart)


def _orthant(means: Vector, slopes: Matrix, accuracy: Accuracy) -> Vector:
    """Return the probability with one component conditioned on the ones before (Genz 1992).

    With the covariance L Lᵀ, component i is positive where y_i > -(means_i + Σ_j L_ij y_j)/L_ii:
    the points run through the normal y_i that obey this, their weights are its probabilities.
    """
    covariance = slopes @ slopes.T
    # The least probable components first, which makes the rest smooth.
    scale = np.sqrt(np.maximum(np.diagonal(covariance), np.finfo(float).tiny))
    order = np.argsort(means / scale, kind="stable")
    means, covariance = means[order], covariance[np.ix_(order, order)]
    lower = np.zeros_like(covariance)
    uniform = uniform_scrambles(len(means) - 1, _SOBOL[accuracy])
    y = np.zeros((*uniform.shape[:2], len(means)))
    total = np.ones(uniform.shape[:2])
    for i, own in enumerate(np.diagonal(covariance)):
        lower[i, :i] = np.linalg.lstsq(lower[:i, :i], covariance[:i, i], rcond=1e-12)[0]
        rest = float(own - lower[i, :i] @ lower[i, :i])
        mean = means[i] + y[..., :i] @ lower[i, :i]
        if rest > _NONE * own:
            lower[i, i] = math.sqrt(rest)
            probability = ndtr(mean / lower[i, i])
            if i < len(means) - 1:
                share = np.clip(uniform[..., i] * probability, 1e-300, None)
                y[..., i] = -ndtri(share)
        else:
            probability = (mean > 0.0).astype(float)
        total *= probability
    return np.asarray(total.mean(axis=1))
