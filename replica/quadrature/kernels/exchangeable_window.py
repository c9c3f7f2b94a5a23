"""Kernels that find where the log normaliser of exchangeable colours has its mass."""

from __future__ import annotations

import numpy as np

from replica.jit import jit, within
from replica.quadrature.kernels.exchangeable import MOST_NODES, colour_nodes, solved_p
from replica.quadrature.kernels.special import exponential

#: Nodes of one colour, number of s at which a bound is sought, and the least of them.
_NODES, _PLACES, _LEAST = 61, 45, 0.05


@within
def _colours_at(t, m, root_q, V, radius, p1, p, log_w):
    """Fill p_1 and another p at log normaliser t, and the log weights of their nodes."""
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


@within
def _log_mean(s, values, log_w):
    """Return log E e^{s p}."""
    top = -np.inf
    for i in range(values.size):
        top = max(top, log_w[i] + s * values[i])
    mean = 0.0
    for i in range(values.size):
        mean += exponential(log_w[i] + s * values[i] - top)
    return top + np.log(mean)


@within
def _log_tail(colors, sign, level, growth, p1, p, log_w):
    """Return Chernoff's bound: min over s > 0 of sign s level + log E e^{-sign s Σ p}.

    With sign +1 it bounds log P(Σ p <= level), with sign -1 log P(Σ p >= level).
    """
    best = 0.0
    for j in range(_PLACES):
        s = _LEAST * np.exp(growth * j)
        log_mean = _log_mean(-sign * s, p1, log_w)
        log_mean += (colors - 1.0) * _log_mean(-sign * s, p, log_w)
        bound = sign * s * level + log_mean
        if bound > best:
            # It is convex in s.
            break
        best = bound
    return best


@within
def _quantile(colors, sign, scale, growth, p1, p, log_w):
    """Return Chernoff's bound on the quantile of Σ p for a probability e^{scale}.

    With sign +1 that is the lower one, with sign -1 the upper one.
    """
    quantile = 0.0 if sign > 0.0 else np.inf
    for j in range(_PLACES):
        s = _LEAST * np.exp(growth * j)
        log_mean = _log_mean(-sign * s, p1, log_w)
        log_mean += (colors - 1.0) * _log_mean(-sign * s, p, log_w)
        bound = sign * (scale - log_mean) / s
        quantile = max(quantile, bound) if sign > 0.0 else min(quantile, bound)
    return quantile


@within
def _growth(colors, root_q, V):
    """Return the log of the ratio of neighbouring s in Chernoff's bounds."""
    # A quantile of Σ p one tenth of its spread, or less, from its mean takes s up to there.
    return np.log(1e7 + 1e3 * (colors + V) / root_q) / (_PLACES - 1)


@within
def _typical_normaliser(colors, m, V):
    """Return the log normaliser t without noise."""
    c = np.empty(1)
    low, high = min(0.0, m) - 1.0, max(m + V, 0.0) + np.log(colors)
    for _ in range(60):
        t = 0.5 * (low + high)
        c[0] = solved_p(m + V - t, V) + (colors - 1) * solved_p(-t, V)
        if c[0] > 1.0:
            low = t
        else:
            high = t
    return 0.5 * (low + high)


@jit
def exchangeable_window(colors, m, q, V, radius, scale):
    """Return (t_low, t_high, S_low, S_high, t): where log normaliser and Σ p have their mass.

    The probabilities of t outside [t_low, t_high], and of Σ p outside [S_low, S_high] at any t
    between, are below e^{scale}, by Chernoff's bound. The last t is that without noise.
    """
    root_q = np.sqrt(q)
    growth = _growth(colors, root_q, V)
    p1, p, log_w = np.empty(_NODES), np.empty(_NODES), np.empty(_NODES)
    centre = _typical_normaliser(colors, m, V)
    # No x within the radius moves t by more than √q radius.
    ends = np.empty(2)
    for end in range(2):
        sign = 1.0 - 2.0 * end
        outside = centre - sign * root_q * radius
        inside = centre + root_q * radius if end == 0 else ends[0]
        for _ in range(9):
            t = 0.5 * (outside + inside)
            _colours_at(t, m, root_q, V, radius, p1, p, log_w)
            if _log_tail(colors, sign, 1.0, growth, p1, p, log_w) > scale:
                inside = t
            else:
                outside = t
        ends[end] = outside
    _colours_at(ends[0], m, root_q, V, radius, p1, p, log_w)
    S_high = _quantile(colors, -1.0, scale, growth, p1, p, log_w)
    _colours_at(ends[1], m, root_q, V, radius, p1, p, log_w)
    S_low = _quantile(colors, 1.0, scale, growth, p1, p, log_w)
    return ends[0], ends[1], S_low, S_high, centre


@jit
def alias_damping(colors, m, q, V, t_low, t_high, alias, digits, least, most, radius, damping):
    """Fill `damping` with the a, at log normalisers equally spaced, that silence an alias of Σ p.

    There e^{-(alias - 1) a} P(Σ p >= alias) is below e^{-digits}, by Chernoff's bound.
    """
    root_q = np.sqrt(q)
    growth = _growth(colors, root_q, V)
    p1, p, log_w = np.empty(_NODES), np.empty(_NODES), np.empty(_NODES)
    for i in range(damping.size):
        t = t_low + (t_high - t_low) * i / (damping.size - 1)
        _colours_at(t, m, root_q, V, radius, p1, p, log_w)
        seldom = _log_tail(colors, -1.0, alias, growth, p1, p, log_w)
        damping[i] = min(max((digits + seldom) / (alias - 1.0), least), most)


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
