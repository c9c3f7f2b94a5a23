"""The probability that the largest of many fields is not that of the masked token."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import log_ndtr

from replica.arrays import Vector

#: Largest normal variable, and the spacing of an integral over it.
_RADIUS, _STEP = 9.0, 0.1

#: The m/√q beyond which the error rate is none that a number can hold.
CERTAIN = 60.0


def error_rate(colors: int, m: float, q: float) -> float:
    """Return P(ω_1 is not the largest component), ω = m e_1 + √q ξ: 1 - ∫Dx Φ(x + m/√q)^{C-1}."""
    separation = m / np.sqrt(q)
    if colors == 2:
        return 0.5 * math.erfc(0.5 * separation)
    # Where errors are rare, most are made around x = -separation/2.
    x, gauss = normal_nodes(0.5 * min(max(0.0, separation), CERTAIN))
    log_right = (colors - 1) * log_ndtr(x + separation)
    return float(gauss @ -np.expm1(log_right))


def error_rate_slope(colors: int) -> tuple[float, float]:
    """Return the error rate at small x = m/√q, and how fast it falls with x."""
    x, gauss = normal_nodes()
    density = np.exp((colors - 2) * log_ndtr(x) - 0.5 * x**2) / np.sqrt(2 * np.pi)
    return 1.0 - 1.0 / colors, float((colors - 1) * (gauss @ density))


def normal_nodes(further: float = 0.0) -> tuple[Vector, Vector]:
    """Return nodes and weights for a standard normal variable, and further down than its tail."""
    x = np.arange(-_RADIUS - further, _RADIUS + 0.5 * _STEP, _STEP)
    return x, np.exp(-0.5 * x**2) * _STEP / np.sqrt(2 * np.pi)
