"""Kernels of the softmax of random fields as an exponential race."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit
from replica.quadrature.kernels.special import exponential

#: A rate beyond which nothing waits.
_MOST = 700.0


@inlined
def _nodes(s, spacing, radius):
    """Return the spacing of normal variables x that resolves e^{s x}, and their weights."""
    step = 0.6 if s * 0.6 < spacing else spacing / s
    half = int(np.ceil(radius / step))
    weight = np.empty(2 * half + 1)
    for i in range(2 * half + 1):
        x = (i - half) * step
        weight[i] = step / np.sqrt(2.0 * np.pi) * np.exp(-0.5 * x * x)
    return step, weight


@jit
def fill_laplace(v, s, spacing, radius, value, slope):
    """Fill Ψ(v) = E exp(-e^{v + s x}) and its derivative, x a normal variable.

    Ψ(v) is the Laplace transform, at e^v, of the log-normal variable e^{s x}: the probability that
    an event of this rate has not occurred by time e^v.
    """
    step, weight = _nodes(s, spacing, radius)
    half = weight.size // 2
    v, value, slope = v.ravel(), value.ravel(), slope.ravel()
    for j in range(v.size):
        total = drop = 0.0
        for i in range(2 * half + 1):
            u = v[j] + s * (i - half) * step
            # Later nodes add less than e^{-e^5}.
            if u > 5.0:
                break
            rate = np.exp(u)
            term = weight[i] * np.exp(-rate)
            total += term
            drop -= term * rate
        value[j] = total
        slope[j] = drop


@inlined
def _fill_quintics(values, h, found):
    """Fill the coefficients of the quintics between two places h apart that have these values.

    The values are those of a function and of its first two derivatives at every place.
    """
    for j in range(len(found)):
        f, g = values[j], values[j + 1]
        one, two = h * f[1], 0.5 * h * h * f[2]
        value, slope, bend = (
            g[0] - f[0] - one - two,
            h * g[1] - one - 2.0 * two,
            h * h * g[2] - 2.0 * two,
        )
        found[j, 0], found[j, 1], found[j, 2] = f[0], one, two
        found[j, 3] = 10.0 * value - 4.0 * slope + 0.5 * bend
        found[j, 4] = -15.0 * value + 7.0 * slope - bend
        found[j, 5] = 6.0 * value - 3.0 * slope + 0.5 * bend


@jit
def fill_tabulated(v, s, spacing, radius, lowest, h, places, value, slope):
    """Fill Ψ and its derivative as `fill_laplace`, from a table at `places` v from `lowest` on.

    Between two of them, h apart, both are quintics, whose error is of sixth order.
    """
    step, weight = _nodes(s, spacing, radius)
    half = weight.size // 2
    derivatives = np.empty((places, 4))
    for j in range(places):
        at = lowest + j * h
        last = (5.0 - at) / (s * step) + half if s > 0.0 else 2.0 * half
        zero = one = two = three = 0.0
        for i in range(int(min(max(last, -1.0), 2.0 * half)) + 1):
            rate = exponential(at + s * (i - half) * step)
            term = weight[i] * exponential(-min(rate, _MOST))
            zero += term
            term *= rate
            one -= term
            two += term * (rate - 1.0)
            three -= term * (1.0 + rate * (rate - 3.0))
        derivatives[j, 0], derivatives[j, 1] = zero, one
        derivatives[j, 2], derivatives[j, 3] = two, three
    quintics = np.empty((2, places - 1, 6))
    _fill_quintics(derivatives[:, :3], h, quintics[0])
    _fill_quintics(derivatives[:, 1:], h, quintics[1])
    v, value, slope = v.ravel(), value.ravel(), slope.ravel()
    for i in range(v.size):
        place = (v[i] - lowest) / h
        j = min(max(int(place), 0), places - 2)
        x = place - j
        f, g = quintics[0, j], quintics[1, j]
        value[i] = f[0] + x * (f[1] + x * (f[2] + x * (f[3] + x * (f[4] + x * f[5]))))
        slope[i] = g[0] + x * (g[1] + x * (g[2] + x * (g[3] + x * (g[4] + x * g[5]))))


@jit
def fill_softmax(k, lowest, laplace, slope, ratio, first, last, step, softmax, gradient):
    """Fill π = E softmax_1(ν), and its derivatives in the means of ν.

    The fields have independent noise around means μ_a that depend on k_a only. π is the probability
    that of events of rates e^{ν_a} the first to occur is that of colour 1: with Ψ_a(u) the
    probability that the event of colour a has not occurred by log time u,
    π = -∫du Ψ_1' Π_{a>1} Ψ_a and ∂π/∂μ_a = -∫du Ψ_1' Ψ_a' Π_{b≠1,a} Ψ_b.

    Parameters
    ----------
    k : array (points, colors)
        Levels of the means.
    lowest : int
        The level of the first column of the tables.
    laplace, slope, ratio : arrays (levels, times)
        Ψ, Ψ' and their ratio Ψ'/Ψ for every level.
    first, last : int arrays (levels,)
        From which time on an event of this level may be the first, and from which one on it is
        certain to have occurred.
    step : float
        Spacing of the times u.
    softmax, gradient : arrays (points,) and (points, colors)
        Receive π and ∂π/∂μ_a.
    """
    points, colors = k.shape
    terms = np.empty(laplace.shape[1])
    for point in range(points):
        masked = k[point, 0] - lowest
        begin, end = first[masked], last[masked]
        for a in range(1, colors):
            end = min(end, last[k[point, a] - lowest])
        for j in range(begin, end):
            terms[j] = -step * slope[masked, j]
        for a in range(1, colors):
            waiting = laplace[k[point, a] - lowest]
            for j in range(begin, end):
                terms[j] *= waiting[j]
        total = 0.0
        for j in range(begin, end):
            total += terms[j]
        softmax[point] = total
        gradient[point, 0] = 0.0
        for a in range(1, colors):
            rate = ratio[k[point, a] - lowest]
            total = 0.0
            for j in range(begin, end):
                total += terms[j] * rate[j]
            gradient[point, a] = total
            gradient[point, 0] -= total
