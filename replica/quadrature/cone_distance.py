"""How far random fields are from the cone in which the masked colour is the largest.

The existence threshold of the cross-entropy follows from its mean square.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import ndtr, wofz

from replica.quadrature.rule import Accuracy
from replica.quadrature.softmax_race import lognormal_laplace, window

Complex = NDArray[np.complex128]

#: Largest normal variable.
_RADIUS = 9.5

#: Largest normal variable and log(1/error) of the integrals, least number of levels, and spacing
#: of the times; for five digits, and for all that a Fourier integral can give.
_GRIDS = {Accuracy.COARSE: (5.5, 15.0, 50, 0.55), Accuracy.FINE: (7.2, 26.0, 80, 0.44)}


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


def race_distance(colors: int, c: float, rho: float, accuracy: Accuracy = Accuracy.FINE) -> float:
    """Return E dist²(ξ, {h : h_y >= h_a}), the token y drawn from softmax(ν).

    ξ ~ N(0, K0) and ν = c ξ + noise, of variance ρ. At given time u of the exponential race that
    draws y = 1 the colours are independent, with the weights Ψ(u + c ξ_a) and -Ψ'(u + c ξ_1), and
    the average is that of `squared_distance` with other moments: a level τ, a Fourier integral over
    k for ξ_1 = τ - Y, and moments of y_a = (ξ_a - τ)_+, Y = Σ y_a.

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
    # The spectrum of a normal variable, widened by that of its weight Ψ.
    weight_spectrum = 2.0 * c / math.pi * digits
    highest = radius + (min(weight_spectrum, c / s * radius) if s > 0 else weight_spectrum)
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
    laplace_at = CubicSpline(table, lognormal_laplace(table, s, Accuracy.FINE)[0])
    total = 0.0
    for u in times:
        laplace = laplace_at(u + c * x)
        densities = ((normal * laplace)[None] * powers[:, None, :]).reshape(-1, len(y))
        moments = densities @ cosines - 1j * (densities @ sines)
        x0, x1, x2 = moments.reshape(3, len(tau), len(k))
        laplace, slope = lognormal_laplace(u + c * xi, s, Accuracy.FINE)
        # What is not above the level, and what is, unless it has a phase.
        chi = gauss @ laplace - x0[:, :1].real + x0
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
