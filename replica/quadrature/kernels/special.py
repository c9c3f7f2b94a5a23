"""The Wright omega function, for other kernels."""

from __future__ import annotations

import numpy as np

from replica.jit import as_written, inlined


@inlined
def wright_omega(z):
    """Return the ω > 0 with ω + log ω = z."""
    if z < -36.0:
        return np.exp(z)
    if z > 2.0:
        log_z = np.log(z)
        omega = z - log_z + log_z / z
    elif z > -2.0:
        d = z - 1.0
        omega = 1.0 + d * (0.5 + d * (0.0625 - d / 192.0))
    else:
        y = np.exp(z)
        omega = y * (1.0 - y * (1.0 - 1.5 * y))
    # Fritsch, Shafer & Crowley (1973), of fourth order.
    for _ in range(2):
        r = z - omega - np.log(omega)
        u = 1.0 + omega
        v = u * (u + r / 1.5)
        omega *= 1.0 + r / u * (v - 0.5 * r) / (v - r)
    return omega


#: e^x = 2^k e^r, k the integer next to x/log 2. Beside this number its digits stand last, and log 2
#: is the sum of two numbers, of which k times the first is exact.
_LAST_DIGITS = 6755399441055744.0
_LOG_2, _LOG_2_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10

#: 1 as the bits of a floating-point number, of which the exponent begins at this one.
_ONE, _EXPONENT = 0x3FF0000000000000, 52


@as_written
def exponential(x):
    """Return e^x for |x| < 708, within two units of the last digit, and less than 1e-307 below.

    Without a branch, so that loops over it run in the lanes of a processor.
    """
    x = x if not x < -708.0 else -708.0
    shifted = x * 1.4426950408889634 + _LAST_DIGITS
    k = shifted - _LAST_DIGITS
    r = (x - k * _LOG_2) - k * _LOG_2_REST
    series = 1.0 + r * (1 / 11 + r / 132)
    series = 1.0 + r * (1 / 9 + r / 90 * series)
    series = 1.0 + r * (1 / 7 + r / 56 * series)
    series = 1.0 + r * (1 / 5 + r / 30 * series)
    series = 1.0 + r * (1 / 3 + r / 12 * series)
    series = 1.0 + r * (1.0 + r / 2 * series)
    power = np.int64((np.float64(shifted).view(np.int64) << _EXPONENT) + _ONE).view(np.float64)
    return series * power
