"""Kernel of orthants of many correlated normal variables: one conditioned on those before it."""

from __future__ import annotations

import numpy as np

from replica.jit import as_written, jit
from replica.quadrature.kernels.special import exponential

#: Points that are followed at once.
BLOCK = 64

#: e^{z²/2} Φ(-z)/t, t = 1/(1 + 0.35 z), as a polynomial in 2t - 1 for z >= 0, to 1e-9.
_TAIL = (
    0.2532442712598583, 0.1714957260551647, 0.07109930610545279, 0.01023581563384723,
    -0.005112918333126004, -0.001767066031676192, 0.0007091445954637845, 0.0002441241677762644,
    -0.0001536890715522675, -2.397862196445671e-05, 3.320573893361309e-05, 4.794435800333913e-07,
    -4.421384348768356e-06,
)  # fmt: skip

#: The inverse of Φ by rational functions, in the middle and in the tails, to 1e-9 (Acklam 2003).
_MIDDLE = (
    2.506628277459239, -30.66479806614716, 138.3577518672690, -275.9285104469687,
    220.9460984245205, -39.69683028665376,
)  # fmt: skip
_UNDER_MIDDLE = (
    1.0, -13.28068155288572, 66.80131188771972, -155.6989798598866, 161.5858368580409,
    -54.47609879822406,
)  # fmt: skip
_END = (
    2.938163982698783, 4.374664141464968, -2.549732539343734, -2.400758277161838,
    -0.3223964580411365, -0.007784894002430293,
)  # fmt: skip
_UNDER_END = (
    1.0, 3.754408661907416, 2.445134137142996, 0.3224671290700398, 0.007784695709041462,
)  # fmt: skip
_TAILS_BEGIN = 0.02425

_MANTISSA, _ONE, _EXPONENT, _BIAS = 0x000FFFFFFFFFFFFF, 0x3FF0000000000000, 52, 1023


@as_written
def _log(x):
    """Return log x of a positive normal number to 1e-10, without a branch."""
    bits = np.float64(x).view(np.int64)
    mantissa = np.int64((bits & _MANTISSA) | _ONE).view(np.float64)
    z = (mantissa - 1.4142135623730951) / (mantissa + 1.4142135623730951)
    y = z * z
    series = 1 / 3 + y * (1 / 5 + y * (1 / 7 + y * (1 / 9 + y * (1 / 11 + y / 13))))
    return ((bits >> _EXPONENT) - _BIAS + 0.5) * 0.6931471805599453 + 2.0 * z * (1.0 + y * series)


@as_written
def _tail(z):
    """Return Φ(-z) for z >= 0."""
    t = 1.0 / (1.0 + 0.35 * z)
    x = 2.0 * t - 1.0
    value = _TAIL[12]
    value = value * x + _TAIL[11]
    value = value * x + _TAIL[10]
    value = value * x + _TAIL[9]
    value = value * x + _TAIL[8]
    value = value * x + _TAIL[7]
    value = value * x + _TAIL[6]
    value = value * x + _TAIL[5]
    value = value * x + _TAIL[4]
    value = value * x + _TAIL[3]
    value = value * x + _TAIL[2]
    value = value * x + _TAIL[1]
    value = value * x + _TAIL[0]
    return t * value * exponential(-0.5 * z * z)


@as_written
def _quantile(p):
    """Return the x with Φ(x) = p."""
    q = p - 0.5
    r = q * q
    a, b = _MIDDLE, _UNDER_MIDDLE
    over = a[0] + r * (a[1] + r * (a[2] + r * (a[3] + r * (a[4] + r * a[5]))))
    under = b[0] + r * (b[1] + r * (b[2] + r * (b[3] + r * (b[4] + r * b[5]))))
    middle = q * over / under
    least = min(p, 1.0 - p)
    s = np.sqrt(-2.0 * _log(max(least, 1e-300)))
    c, d = _END, _UNDER_END
    over = c[0] + s * (c[1] + s * (c[2] + s * (c[3] + s * (c[4] + s * c[5]))))
    under = d[0] + s * (d[1] + s * (d[2] + s * (d[3] + s * d[4])))
    end = over / under
    end = end if q < 0.0 else -end
    return end if least < _TAILS_BEGIN else middle


@jit
def negative_share(h, L, generators, points, shifts):
    """Return for each shift the probability that some h_i + Σ_j L_ij x_j of normal x is negative.

    Parameters
    ----------
    h, L : arrays (n,) and (n, n)
        L is lower triangular.
    generators, points : array (n - 1,), int
        Of a lattice of so many points in the unit cube.
    shifts : array (shifts, n - 1)
        Of it, at random.
    """
    n = len(h)
    found = np.zeros(len(shifts))
    x, places = np.zeros((n, BLOCK)), np.zeros((n, BLOCK))
    line, right, wrong = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for j in range(n - 1):
        for i in range(BLOCK):
            places[j, i] = (i * generators[j] % points) / points
    for shift in range(len(shifts)):
        for begin in range(0, points, BLOCK):
            for i in range(BLOCK):
                right[i] = 1.0 if begin + i < points else 0.0
                wrong[i] = 0.0
            for j in range(n):
                for i in range(BLOCK):
                    line[i] = h[j]
                for k in range(j):
                    for i in range(BLOCK):
                        line[i] += L[j, k] * x[k, i]
                scale = 1.0 / L[j, j]
                last = j == n - 1
                start = 0.0 if last else begin * generators[j] % points / points + shifts[shift, j]
                for i in range(BLOCK):
                    limit = line[i] * scale
                    tail = _tail(abs(limit))
                    below = tail if limit < 0.0 else 1.0 - tail
                    wrong[i] += right[i] * (1.0 - tail if limit < 0.0 else tail)
                    right[i] *= below
                    place = places[j, i] + start
                    place -= np.floor(place)
                    # Periodic as a tent.
                    x[j, i] = -_quantile(below * (1.0 - abs(2.0 * place - 1.0)))
            for i in range(BLOCK):
                found[shift] += wrong[i]
    return found / points
