"""How far fields are from the cone of a token that is drawn from the softmax of others.

The existence threshold of the cross-entropy follows from its mean square, for independent tokens.
"""

from __future__ import annotations

import math

import numpy as np

from replica.arrays import Vector
from replica.quadrature.cone_distance import level_window
from replica.quadrature.kernels.race_distance import unsatisfied_squares
from replica.quadrature.rule import Accuracy
from replica.quadrature.softmax_race import laplace_at, race_times, window_for

#: Largest normal variable and log(1/error) of the integrals, least number of levels, and spacing
#: of the times; for five digits, and for all that a Fourier integral can give.
_GRIDS = {Accuracy.COARSE: (5.5, 15.0, 50, 0.55), Accuracy.FINE: (7.2, 26.0, 80, 0.42)}

#: Gauss-Legendre nodes between two levels, and spacing of the table of Ψ.
_PANEL, _TABLE = (
    {Accuracy.COARSE: 6, Accuracy.FINE: 8},
    {Accuracy.COARSE: 0.02, Accuracy.FINE: 0.01},
)

#: Normal variables beyond which times are ever farther apart.
_TYPICAL = 4.0


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
    # The first of C events may occur C times as early.
    early, late = window_for(s, -digits - math.log(colors))
    # At one time ξ lies where its event may be the first and need not have occurred before.
    reach = min(2.0 * radius, (late - early) / c if c > 0.0 else math.inf)
    # The spectrum of a normal variable, widened by that of its weight Ψ.
    weight_spectrum = 2.0 * c / math.pi * digits
    highest = radius + (min(weight_spectrum, c / s * radius) if s > 0 else weight_spectrum)
    # With weights of at most 1 the levels that matter, and Y, are those of the cone at rest.
    low, largest = level_window(n, 0.0, radius)
    step = min(math.pi / highest, min(reach, radius - low) / levels)
    tau = np.arange(-radius, radius, step)
    # Aliases of Y, of which each part is at most `reach`, must not come back to where ξ_1 can be.
    wave_step = 2.0 * math.pi / min((n + 1) * reach, largest)
    k = np.arange(0.0, highest, wave_step)
    typical = -_TYPICAL * (c + s) - math.log(colors)
    times, time_weights = race_times(early - c * radius, typical, late + c * radius, time_step)
    nodes, shares = np.polynomial.legendre.leggauss(_PANEL[accuracy])
    nodes, shares = 0.5 * step * (nodes + 1.0), 0.5 * step * shares
    gauss = step * _normal(tau)
    waiting, occurring = laplace_at(times[:, None] + c * tau, s, Accuracy.FINE)
    spectrum = -occurring * gauss
    # Real matrices, whose products cost half those of a complex one.
    waves = np.outer(tau, k)
    spectrum_re, spectrum_im = spectrum @ np.cos(waves), -spectrum @ np.sin(waves)
    x = tau[:, None] + nodes
    densities = laplace_at(times[:, None, None] + c * x, s, Accuracy.FINE)[0] * _normal(x)
    panels = densities @ shares
    # What is not above the level.
    total = waiting @ gauss
    below = np.maximum(total[:, None] - np.cumsum(panels[:, ::-1], axis=1)[:, ::-1], 0.0)
    if c > 0.0:
        first = np.searchsorted(tau, np.maximum((early - times) / c, low))
        last = np.searchsorted(tau, (late - times) / c)
    else:
        first, last = np.full(len(times), np.searchsorted(tau, low)), np.full(len(times), len(tau))
    spectrum_re[:, 0] *= 0.5
    found = np.empty(len(times))
    unsatisfied_squares(
        n, step, nodes, shares, densities, below, tau[0], first, last, k,
        spectrum_re, spectrum_im, found,
    )  # fmt: skip
    return float(colors * wave_step / math.pi * (time_weights @ found))


def _normal(x: Vector) -> Vector:
    density: Vector = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return density


def _two_colours(c: float, s: float) -> float:
    """Return 2 E[z² σ(√2 (c z + s x)); z < 0], z and x normal and σ the logistic function."""
    z, weights = np.polynomial.legendre.leggauss(60 + math.ceil(20 * c))
    z = 4.75 * (z + 1.0)
    step = min(0.25, 0.6 / max(s, 1e-300))
    x = np.arange(-9.5, 9.5 + step, step)
    normal = step * _normal(x)
    right = 0.5 - 0.5 * np.tanh((c * z[:, None] + s * x[None, :]) / math.sqrt(2.0))
    return float(2.0 * 4.75 * (weights * _normal(z) * z * z) @ (right @ normal))
