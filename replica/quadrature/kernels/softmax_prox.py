"""Kernel that solves the prox of the cross-entropy at any points of the fields."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit
from replica.quadrature.kernels.special import wright_omega

#: Fields that differ by less may have solutions that are near.
_NEXT = 4.0


@inlined
def _log_normaliser(c, V, p):
    """Solve Σ_a p_a = 1 for t, V p_a = ω(c_a - t + log V), and leave p_a in `p`."""
    colors = c.size
    t = c[0]
    for a in range(1, colors):
        t = max(t, c[a])
    # Σ p decreases in t. It exceeds 1 where the largest p alone is 1, and is below 1 where
    # every p is at most 1/C.
    low, high = t - V, t + np.log(colors) - V / colors
    t = low if V > 1.0 else high
    log_V = np.log(V)
    for _ in range(100):
        total = slope = 0.0
        for a in range(colors):
            p[a] = wright_omega(c[a] - t + log_V) / V
            total += p[a]
            slope += p[a] / (1.0 + V * p[a])
        gap = np.log(total)
        if gap > 0.0:
            low = t
        else:
            high = t
        step = gap * total / slope
        if abs(step) < 1e-14 * (1.0 + abs(t)) or high - low < 1e-15 * (1.0 + abs(t)):
            break
        t += step
        if t < low or t > high:
            t = 0.5 * (low + high)
    return t


@inlined
def _polish(c, V, t, log_p, p):
    """Newton's method for log p and t together; return t and whether it converged."""
    colors = c.size
    for _ in range(8):
        total = slope = pull = 0.0
        for a in range(colors):
            p[a] = np.exp(log_p[a])
            r = p[a] / (1.0 + V * p[a])
            total += p[a]
            slope += r
            pull += r * (c[a] - t - log_p[a] - V * p[a])
        shift = (pull + total - 1.0) / slope
        largest = abs(shift)
        for a in range(colors):
            step = (c[a] - t - shift - log_p[a] - V * p[a]) / (1.0 + V * p[a])
            log_p[a] += step
            largest = max(largest, abs(step))
            # What the step leaves is of third order.
            p[a] *= 1.0 + step * (1.0 + 0.5 * step)
        t += shift
        if largest < 3e-7:
            return t, True
        if not largest < 4.0:
            break
    return t, False


@jit
def solved_probabilities(omega, V, p, losses):
    """Fill p = softmax(prox(ω)) and log(1/p_1) for every line of fields ω, masked colour first."""
    points, colors = omega.shape
    c = np.empty(colors)
    log_p = np.empty(colors)
    t, known = 0.0, False
    for point in range(points):
        apart = 0.0
        for a in range(colors):
            lifted = omega[point, a] + (V if a == 0 else 0.0)
            apart = max(apart, abs(lifted - c[a]))
            c[a] = lifted
        # Points of a lattice follow one another, and Newton's method leads from one to the next.
        if known and apart < _NEXT:
            t, known = _polish(c, V, t, log_p, p[point])
        else:
            known = False
        if not known:
            t = _log_normaliser(c, V, p[point])
            for a in range(colors):
                log_p[a] = c[a] - t - V * p[point, a]
            t, known = _polish(c, V, t, log_p, p[point])
        wrong = 0.0
        for a in range(1, colors):
            wrong += p[point, a]
        losses[point] = -np.log1p(-wrong) if wrong < 0.5 else -log_p[0]
