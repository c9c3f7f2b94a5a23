"""The probability that the largest of many fields is not that of the masked token."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import log_ndtr, owens_t

from replica.arrays import Vector

#: Largest normal variable, and the spacing of an integral over it.
_RADIUS, _STEP = 9.0, 0.1

#: The product of C normal distributions grows as exp(C y²/2) off the real line, and the trapezoidal
#: rule misses exp(-2π²/(C h²)): with h = 0.7/√C less than 4e-18.
_STEP_OF_FEW = 0.7

#: The m/√q beyond which the error rate is none that a number can hold.
CERTAIN = 60.0


def error_rate(colors: int, m: float, q: float) -> float:
    """Return P(ω_1 is not the largest component), ω = m e_1 + √q ξ: 1 - ∫Dx Φ(x + m/√q)^{C-1}."""
    separation = float(m) / math.sqrt(q)
    if colors == 2:
        return 0.5 * math.erfc(0.5 * separation)
    if colors == 3:
        # Two equal margins with a correlation of 1/2 (Owen 1956).
        margin = separation / math.sqrt(2.0)
        return 0.5 * math.erfc(0.5 * separation) + 2.0 * float(owens_t(margin, 1 / math.sqrt(3.0)))
    # Where errors are rare, most are made around x = -separation/2.
    step = max(_STEP, _STEP_OF_FEW / math.sqrt(colors))
    x, gauss = normal_nodes(0.5 * min(max(0.0, separation), CERTAIN), step)
    log_right = (colors - 1) * log_ndtr(x + separation)
    return float(gauss @ -np.expm1(log_right))


def error_rate_slope(colors: int) -> tuple[float, float]:
    """Return the error rate at small x = m/√q, and how fast it falls with x."""
    x, gauss = normal_nodes()
    density = np.exp((colors - 2) * log_ndtr(x) - 0.5 * x**2) / np.sqrt(2 * np.pi)
    return 1.0 - 1.0 / colors, float((colors - 1) * (gauss @ density))


def normal_nodes(further: float = 0.0, step: float = _STEP) -> tuple[Vector, Vector]:
    """Return nodes and weights for a standard normal variable, and further down than its tail."""
    x = np.arange(-_RADIUS - further, _RADIUS + 0.5 * step, step)
    return x, np.exp(-0.5 * x**2) * (step / math.sqrt(2 * math.pi))
