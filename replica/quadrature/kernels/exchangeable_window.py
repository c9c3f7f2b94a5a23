"""Kernels that find where the log normaliser of exchangeable colours has its mass."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit
from replica.quadrature.kernels.exchangeable import MOST_NODES, colour_nodes, solved_p


@inlined
def _log_tail(colors, m, root_q, V, t, sign, radius, p1, p, log_w, scale):
    """Chernoff's bound: (min over s > 0 of sign s + log E e^{-sign s Σ p}, the bound on Σ p).

    With sign +1 it bounds log P(Σ p <= 1) and the lower quantile of Σ p, with sign -1
    log P(Σ p >= 1) and the upper quantile; `scale` is the log of the probability meant by
    a quantile.
    """
    points = p.size
    total = 0.0
    for i in range(points):
        x = radius * (2.0 * i / (points - 1) - 1.0)
        p1[i] = solved_p(m + V + root_q * x - t, V)
        p[i] = solved_p(root_q * x - t, V)
        log_w[i] = -0.5 * x * x
        total += np.exp(log_w[i])
    for i in range(points):
        log_w[i] -= np.log(total)
    best = 0.0
    quantile = 0.0 if sign > 0.0 else np.inf
    # A quantile of Σ p one tenth of its spread, or less, from its mean takes s up to here.
    growth = np.log(1e7 + 1e3 * (colors + V) / root_q) / 44.0
    for j in range(45):
        s = 0.05 * np.exp(growth * j)
        log_mean = 0.0
        for which in range(2):
            value = p1 if which == 0 else p
            top = -np.inf
            for i in range(points):
                top = max(top, log_w[i] - sign * s * value[i])
            mean = 0.0
            for i in range(points):
                mean += np.exp(log_w[i] - sign * s * value[i] - top)
            log_mean += (top + np.log(mean)) * (1.0 if which == 0 else colors - 1.0)
        best = min(best, sign * s + log_mean)
        bound = sign * (scale - log_mean) / s
        quantile = max(quantile, bound) if sign > 0.0 else min(quantile, bound)
    return best, quantile


@jit
def exchangeable_window(colors, m, q, V, radius, scale):
    """Return (t_low, t_high, S_low, S_high): where log normaliser and Σ p have their mass.

    The probabilities of t outside [t_low, t_high], and of Σ p outside [S_low, S_high] at any t
    between, are below e^{scale}, by Chernoff's bound.
    """
    root_q = np.sqrt(q)
    p1 = np.empty(61)
    p = np.empty(61)
    log_w = np.empty(61)
    # t at x = 0; no x within the radius moves it by more than √q radius.
    c = np.zeros(2)
    low, high = min(0.0, m) - 1.0, max(m + V, 0.0) + np.log(colors)
    for _ in range(60):
        t = 0.5 * (low + high)
        c[0] = solved_p(m + V - t, V) + (colors - 1) * solved_p(-t, V)
        if c[0] > 1.0:
            low = t
        else:
            high = t
    centre = 0.5 * (low + high)
    low, inside = centre - root_q * radius, centre + root_q * radius
    for _ in range(9):
        t = 0.5 * (low + inside)
        if _log_tail(colors, m, root_q, V, t, 1.0, radius, p1, p, log_w, scale)[0] > scale:
            inside = t
        else:
            low = t
    high, inside = centre + root_q * radius, low
    for _ in range(9):
        t = 0.5 * (high + inside)
        if _log_tail(colors, m, root_q, V, t, -1.0, radius, p1, p, log_w, scale)[0] > scale:
            inside = t
        else:
            high = t
    S_high = _log_tail(colors, m, root_q, V, low, -1.0, radius, p1, p, log_w, scale)[1]
    S_low = _log_tail(colors, m, root_q, V, high, 1.0, radius, p1, p, log_w, scale)[1]
    return low, high, S_low, S_high


@jit
def exchangeable_decay(colors, m, q, V, t, a, y, radius, density):
    """Return |E e^{a - (a + i y) Σ p}| at log normaliser t, without two of the other colours."""
    root_q = np.sqrt(q)
    p_cut = 1.0 + 30.0 / a if a > 0.0 else np.inf
    size = 200 + int(min(density * (2.0 * radius**2 + 1300.0 + y * min(p_cut, 3.0)), MOST_NODES))
    p = np.empty(size)
    w = np.empty(size)
    result = np.exp(a)
    for which in range(2):
        shift = m + V - t if which == 0 else -t
        count = colour_nodes(shift, root_q, V, radius, y, p_cut, density, p, w)
        if count < 0:
            return np.nan
        re = im = 0.0
        for i in range(count):
            size_i = w[i] * np.exp(-a * p[i])
            re += size_i * np.cos(y * p[i])
            im += size_i * np.sin(y * p[i])
        result *= np.hypot(re, im) ** (1 if which == 0 else max(colors - 3, 0))
    return result
