"""How far random fields are from the cone in which the masked colour is the largest.

The existence threshold of the cross-entropy follows from its mean square.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, wofz

Complex = NDArray[np.complex128]

#: Largest normal variable.
_RADIUS = 9.5


def squared_distance(colors: int, c: float) -> float:
    """Return D(c) = E dist²(ξ + c K0 e_1, {h : h_1 >= h_a}), ξ ~ N(0, K0).

    The nearest point of the cone lowers every larger component to a common level τ and lifts
    the first to it: τ - ξ_1 - c = Y with Y = Σ_{a>1} (ξ_a - τ)_+, at squared distance
    Y² + Σ_{a>1} (ξ_a - τ)²_+. Given the others, ξ_1 is a function of τ with derivative 1 + N,
    N the number of larger components, so D is an integral over τ of an average over
    independent (ξ_a - τ)_+, and a Fourier integral brings that into product form.
    """
    # A larger component takes variables beyond the radius: D < C e^{-c²/4}.
    if c > 2.0 * _RADIUS:
        return 0.0
    n = colors - 1
    low, largest = level_window(n, c, _RADIUS)
    tau, tau_step = np.linspace(low, _RADIUS, 161, retstep=True)
    k, k_step = np.linspace(0.0, _RADIUS, 40 + math.ceil(1.6 * largest), retstep=True)
    gauss = np.exp(-0.5 * tau[:, None] ** 2)
    slope = tau[:, None] + 1j * k[None, :]
    # E[y^j e^{-iky}; y > 0] for y = ξ_a - τ; w(iz) is the scaled complementary error function.
    x0 = 0.5 * gauss * wofz(1j * slope / math.sqrt(2))
    x1 = gauss / math.sqrt(2 * math.pi) - slope * x0
    x2 = x0 - slope * x1
    chi = ndtr(tau)[:, None] + x0

    def rest(left_out: int) -> Complex:
        return np.asarray(chi ** (n - left_out)) if n >= left_out else np.zeros_like(chi)

    # E[(1 + N)(Y² + Σ y²) e^{-ikY}], term by term.
    one, two, three = n, n * (n - 1), n * (n - 1) * (n - 2)
    moments = (
        4 * one * x2 * rest(1)
        + two * (3 * x1 * x1 + 2 * x0 * x2) * rest(2)
        + three * x0 * x1 * x1 * rest(3)
    )
    waves = np.exp(-0.5 * k[None, :] ** 2 + 1j * k[None, :] * (tau[:, None] - c))
    waves[:, 0] *= 0.5
    return float((waves * moments).real.sum() * tau_step * k_step / math.pi)


def level_window(n: int, c: float, radius: float) -> tuple[float, float]:
    """Return the lowest level τ that ξ_1 = τ - c - Y > -radius allows, and the range of Y above it.

    Y = Σ (ξ_a - τ)_+ of n normal variables lies as many standard deviations from its mean as a
    normal variable from zero, all of them averages over (ξ - τ)_+; the range leaves room for ξ_1.
    """
    tau = np.linspace(-radius, radius, 400)
    density, above = np.exp(-0.5 * tau**2) / math.sqrt(2 * math.pi), ndtr(-tau)
    mean = n * (density - tau * above)
    spread = radius * np.sqrt(np.maximum(n * ((1 + tau**2) * above - tau * density), 0.0))
    allowed = np.nonzero(mean - spread < tau - c + radius)[0][0]
    return float(tau[allowed]), float(mean[allowed] + spread[allowed]) + 20.0
