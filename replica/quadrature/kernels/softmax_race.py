"""Kernels of softmax averages: the Laplace transform of a log-normal, and products of it.

The pictures are those of `replica.quadrature.softmax_race`: exponential clocks, one per colour.
"""

from __future__ import annotations

import numpy as np

from replica.jit import jit


@jit
def silence(v, s, spacing, radius, value, slope):
    """Fill Ψ(v) = E exp(-e^{v + s x}) and its derivative, x a normal variable.

    Ψ is the probability that a clock, which rings at rate e^{s x}, is silent until time e^v.
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
            # Later nodes are as silent as e^{-e^5}.
            if u > 5.0:
                break
            rate = np.exp(u)
            term = weight[i] * np.exp(-rate)
            total += term
            drop -= term * rate
        value[j] = total
        slope[j] = drop


@jit
def race(k, lowest, silent, slope, first, last, step, win, gain):
    """Fill the probability π that clock 1 rings first, and its derivatives in log rates.

    The clocks' log rates are fields of independent noise around means that depend on k_a only:
    with Ψ_a(u) the probability that clock a is silent until log time u,
    π = -∫du Ψ_1' Π_{a>1} Ψ_a and ∂π/∂μ_a = -∫du Ψ_1' Ψ_a' Π_{b≠1,a} Ψ_b.

    Parameters
    ----------
    k : array (points, colors)
        Levels of the clocks.
    lowest : int
        The level of the first column of the tables.
    silent, slope : arrays (times, levels)
        Ψ and Ψ' for every level.
    first, last : int arrays (levels,)
        From which time on a clock of this level may ring first, and from which one on it is
        certain to have rung.
    step : float
        Spacing of the times u.
    win, gain : arrays (points,) and (points, colors)
        Receive π and ∂π/∂μ_a.
    """
    points, colors = k.shape
    for point in range(points):
        win[point] = 0.0
        gain[point] = 0.0
        masked = k[point, 0] - lowest
        end = last[masked]
        for a in range(1, colors):
            end = min(end, last[k[point, a] - lowest])
        for j in range(first[masked], end):
            term = -slope[j, masked]
            for a in range(1, colors):
                term *= silent[j, k[point, a] - lowest]
            win[point] += term
            for a in range(1, colors):
                level = k[point, a] - lowest
                gain[point, a] += term * slope[j, level] / silent[j, level]
        win[point] *= step
        for a in range(1, colors):
            gain[point, a] *= step
            gain[point, 0] -= gain[point, a]
