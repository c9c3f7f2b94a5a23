"""How far the fields of independent tokens are from naming the masked one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from replica.distance import level_window
from replica.race import clocks, window
from replica.rule import Accuracy

Complex = NDArray[np.complex128]

#: Largest normal variable and log(1/error) of the integrals, least number of levels, and spacing
#: of the times; for five digits, and for all that a Fourier integral can give.
_GRIDS = {Accuracy.COARSE: (5.5, 15.0, 50, 0.55), Accuracy.FINE: (7.2, 26.0, 80, 0.44)}


def race_distance(colors: int, c: float, rho: float, accuracy: Accuracy = Accuracy.FINE) -> float:
    """Return E dist²(ξ, {h : h_y >= h_a}), the token y drawn from softmax(ν).

    ξ ~ N(0, K0) and ν = c ξ + noise, of variance ρ. At given time u of the race that draws y = 1
    the colours are independent, with the weights Ψ(u + c ξ_a) and -Ψ'(u + c ξ_1), and the average
    is that of `squared_distance` with other moments: a level τ, a Fourier integral over k for
    ξ_1 = τ - Y, and moments of y_a = (ξ_a - τ)_+, Y = Σ y_a.

    Parameters
    ----------
    colors : int
        C.
    c : float
        Share of ξ in the true fields, 0 to √ρ.
    rho : float
        ρ, the variance of the true fields.
    accuracy : Accuracy, default FINE
        FINE, or COARSE for a distance of four digits or more.
    """
    n = colors - 1
    radius, digits, levels, time_step = _GRIDS[accuracy]
    s = math.sqrt(max(rho - c * c, 0.0))
    if n == 1:
        return _two_colours(c, s)
    reach = 2.0 * radius
    # The spectrum of a normal variable, widened by that of the clocks.
    clock_spectrum = 2.0 * c / math.pi * digits
    highest = radius + (min(clock_spectrum, c / s * radius) if s > 0 else clock_spectrum)
    # With weights of at most 1 the levels that matter, and Y, are those of the cone at rest.
    low, largest = level_window(n, 0.0, radius)
    level_step = min(math.pi / highest, (radius - low) / levels)
    xi = np.arange(-radius, radius, level_step)
    tau = xi[xi >= low]
    # Aliases of Y, of which each part is at most `reach`, must not come back to where ξ_1 can be.
    wave_step = 2.0 * math.pi / min((n + 1) * reach, largest)
    k = np.arange(0.0, highest, wave_step)
    nodes, weights = np.polynomial.legendre.leggauss(24 + math.ceil(0.4 * reach * highest))
    y, weights = 0.5 * reach * (nodes + 1.0), 0.5 * reach * weights
    x = tau[:, None] + y[None, :]
    powers = weights * np.stack([np.ones_like(y), y, y * y])
    normal = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    # Real matrices, whose products cost half those of a complex one.
    cosines, sines = np.cos(np.outer(y, k)), np.sin(np.outer(y, k))
    gauss = level_step * np.exp(-0.5 * xi * xi) / math.sqrt(2.0 * math.pi)
    forth, back = np.exp(-1j * np.outer(xi, k)), np.exp(1j * np.outer(tau, k))
    _, late = window(s, Accuracy.COARSE)
    times = np.arange(-digits - c * radius, late + c * radius, time_step)
    table = np.arange(times[0] + c * x.min() - 1.0, times[-1] + c * x.max() + 1.0, 0.02)
    silence = CubicSpline(table, clocks(table, s, Accuracy.FINE)[0])
    total = 0.0
    for u in times:
        silent = silence(u + c * x)
        densities = ((normal * silent)[None] * powers[:, None, :]).reshape(-1, len(y))
        moments = densities @ cosines - 1j * (densities @ sines)
        x0, x1, x2 = moments.reshape(3, len(tau), len(k))
        silent, slope = clocks(u + c * xi, s, Accuracy.FINE)
        # What is not above the level, and what is, unless it has a phase.
        chi = gauss @ silent - x0[:, :1].real + x0
        terms = 4 * n * x2 * chi + n * (n - 1) * (3 * x1 * x1 + 2 * x0 * x2)
        if n > 2:
            terms = _power(chi, n - 3) * (chi * terms + n * (n - 1) * (n - 2) * x0 * x1 * x1)
        spectrum = (gauss * -slope) @ forth
        spectrum[0] *= 0.5
        total += float(((back * terms).sum(axis=0) @ spectrum).real)
    return colors * time_step * level_step * wave_step / math.pi * total


def _power(base: Complex, exponent: int) -> Complex:
    """Return a power by squaring, for which numpy would take logarithms."""
    result = np.ones_like(base)
    while exponent:
        if exponent % 2:
            result = result * base
        base, exponent = base * base, exponent // 2
    return result


def _two_colours(c: float, s: float) -> float:
    """Return 2 E[z² σ(√2 (c z + s x)); z < 0], z and x normal and σ the logistic function."""
    z, weights = np.polynomial.legendre.leggauss(60 + math.ceil(20 * c))
    z = 4.75 * (z + 1.0)
    step = min(0.25, 0.6 / max(s, 1e-300))
    x = np.arange(-9.5, 9.5 + step, step)
    normal = step / math.sqrt(2.0 * math.pi) * np.exp(-0.5 * x * x)
    right = 0.5 - 0.5 * np.tanh((c * z[:, None] + s * x[None, :]) / math.sqrt(2.0))
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return float(2.0 * 4.75 * (weights * density * z * z) @ (right @ normal))
