"""The Wright omega function, for other kernels."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined


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
