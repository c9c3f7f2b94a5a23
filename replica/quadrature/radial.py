"""Integrals along the rays of a normal density: what is left of a homogeneous function."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from replica.arrays import Vector

#: Below this the recurrence for the integrals runs downwards from the first of these indices: the
#: error of the start falls as exp(-2|s|(√start - √k)).
_BACKWARD, _START = -1.5, 400


def radial_moments(s: Vector, k: int) -> Vector:
    """Return J_k, J_{k+1} and J_{k+2}, J_k(s) = ∫ r^k exp(-(r - s)²/2) dr over r > 0.

    J_{k+1} = s J_k + k J_{k-1}. Its two terms cancel for s < 0, where the ratios of neighbours are
    followed downwards instead.
    """
    found = [np.sqrt(2.0 * np.pi) * ndtr(s), np.exp(-0.5 * s * s)]
    found[1] = found[1] + s * found[0]
    for index in range(1, k + 2):
        found.append(s * found[index] + index * found[index - 1])
    low = s < _BACKWARD
    if low.any():
        ratios = _ratios(s[low], k + 2)
        below = found[0][low]
        for index in range(1, k + 3):
            below = below * ratios[index - 1]
            found[index][low] = below
    return np.array(found[k : k + 3])


def mean_powers(s: Vector, k: int) -> Vector:
    """Return the means of r and of r² under r^k exp(-(r - s)²/2): J_{k+1}/J_k and J_{k+2}/J_k."""
    first, second = np.empty((2, len(s)))
    low = s < _BACKWARD
    ratios = _ratios(s[low], k + 2)
    first[low], second[low] = ratios[k], ratios[k] * ratios[k + 1]
    up = s[~low]
    ratio = up + np.exp(-0.5 * up * up) / (math.sqrt(2.0 * np.pi) * ndtr(up))
    for index in range(1, k + 1):
        ratio = up + index / ratio
    first[~low], second[~low] = ratio, up * ratio + k + 1
    return np.array([first, second])


def _ratios(s: Vector, last: int) -> Vector:
    """Return J_1/J_0 to J_last/J_{last-1} for negative s."""
    ratio = 0.5 * (s + np.sqrt(s * s + 4.0 * _START))
    found = np.empty((last, len(s)))
    for index in range(_START - 1, 0, -1):
        ratio = index / (ratio - s)
        if index <= last:
            found[index - 1] = ratio
    return found
