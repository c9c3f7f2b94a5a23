"""Kernels of the softmax of random fields as an exponential race."""

from __future__ import annotations

import numpy as np

from replica.jit import jit


@jit
def fill_laplace(v, s, spacing, radius, value, slope):
    """Fill Ψ(v) = E exp(-e^{v + s x}) and its derivative, x a normal variable.

    Ψ(v) is the Laplace transform, at e^v, of the log-normal variable e^{s x}: the probability that
    an event of this rate has not occurred by time e^v.
    """
    step = 0.6 if s * 0.6 < spacing else spacing / s
    half = int(np.ceil(radius / step))
    v, value, slope = v.ravel(), value.ravel(), slope.ravel()
    weight = np.empty(2 * half + 1)
    for i in range(2 * half + 1):
        x = (i - half) * step
        weight[i] = step / np.sqrt(2.0 * np.pi) * np.exp(-0.5 * x * x)
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


@jit
def fill_softmax(k, lowest, laplace, slope, first, last, step, softmax, gradient):
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
    laplace, slope : arrays (times, levels)
        Ψ and Ψ' for every level.
    first, last : int arrays (levels,)
        From which time on an event of this level may be the first, and from which one on it is
        certain to have occurred.
    step : float
        Spacing of the times u.
    softmax, gradient : arrays (points,) and (points, colors)
        Receive π and ∂π/∂μ_a.
    """
    points, colors = k.shape
    for point in range(points):
        softmax[point] = 0.0
        gradient[point] = 0.0
        masked = k[point, 0] - lowest
        end = last[masked]
        for a in range(1, colors):
            end = min(end, last[k[point, a] - lowest])
        for j in range(first[masked], end):
            term = -slope[j, masked]
            for a in range(1, colors):
                term *= laplace[j, k[point, a] - lowest]
            softmax[point] += term
            for a in range(1, colors):
                level = k[point, a] - lowest
                gradient[point, a] += term * slope[j, level] / laplace[j, level]
        softmax[point] *= step
        for a in range(1, colors):
            gradient[point, a] *= step
            gradient[point, 0] -= gradient[point, a]
