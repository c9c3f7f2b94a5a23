"""Kernel of the cross-entropy of two colours: one field, along which each point starts the next."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined
from replica.quadrature.kernels.lattice import two_valued


@inlined
def two_color_averages(m, q, V, spacing, radius):
    """Average over the difference of two fields by the trapezoidal rule.

    x = h_1 - h_2 solves x - 2 V u = ω_1 - ω_2 with u = 1 - p_1 = 1/(1 + e^x).

    Returns
    -------
    tuple
        E g_1, E |g|², E tr K, E log(1/p_1).
    """
    scale = np.sqrt(2.0 * q) * spacing
    half = int(radius / spacing)
    gap = energy = response = loss = 0.0
    last = second = np.nan
    for i in range(-half, half + 1):
        target = m + scale * i
        x = two_valued(V, 1.0, target, 2.0 * last - second)
        last, second = x, last
        # One step of third order more.
        e = np.exp(-abs(x))
        more = 1.0 / (1.0 + e)
        u = e * more if x > 0.0 else more
        p = 1.0 - u if x > 0.0 else e * more
        bend = 2.0 * V * u * p
        step = (x - 2.0 * V * u - target) / (1.0 + bend)
        x -= step * (1.0 - 0.5 * step * bend * (p - u) / (1.0 + bend))
        e = np.exp(-abs(x))
        more = 1.0 / (1.0 + e)
        u = e * more if x > 0.0 else more
        p = more if x > 0.0 else e * more
        weight = np.exp(-0.5 * (i * spacing) ** 2)
        r1, r2 = p / (1.0 + V * p), u / (1.0 + V * u)
        gap += weight * u
        energy += weight * 2.0 * u * u
        response += weight * 2.0 * r1 * r2 / (r1 + r2)
        loss += weight * (np.log1p(e) + max(-x, 0.0))
    norm = spacing / np.sqrt(2.0 * np.pi)
    return gap * norm, energy * norm, response * norm, loss * norm
