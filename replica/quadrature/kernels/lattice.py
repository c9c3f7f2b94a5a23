"""Kernels that solve the prox of the cross-entropy at every point of a lattice of fields."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit
from replica.quadrature.kernels.special import wright_omega


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
    for point in range(points):
        for a in range(colors):
            c[a] = omega[point, a]
        c[0] += V
        t = _log_normaliser(c, V, p[point])
        for a in range(colors):
            log_p[a] = c[a] - t - V * p[point, a]
        _polish(c, V, t, log_p, p[point])
        wrong = 0.0
        for a in range(1, colors):
            wrong += p[point, a]
        losses[point] = -np.log1p(-wrong) if wrong < 0.5 else -log_p[0]


@jit
def lattice_averages(colors, m, q, V, spacing, radius):
    """Average over the C - 1 fields by the trapezoidal rule on the lattice A*_{C-1}.

    The points are ξ = √2 s K0 k for integers k; those within `radius` count. Colours other
    than the masked one are exchangeable, so k_2 >= ... >= k_C = 0 with multiplicities is
    enough.

    Returns
    -------
    tuple
        E 1, E g_1, E |g|², E tr K, E log(1/p_1).
    """
    others = colors - 1
    step = np.sqrt(2.0) * spacing
    reach = (radius / step) ** 2
    k = np.zeros(max(colors - 2, 1), dtype=np.int64)
    c = np.empty(colors)
    p = np.empty(colors)
    log_p = np.empty(colors)
    log_p1 = np.zeros(colors)
    log_p2 = np.zeros(colors)
    scale = np.sqrt(q) * step
    norm = gap = energy = response = loss = 0.0
    going = True
    while going:
        s1 = s2 = 0.0
        multiplicity = 1.0
        run = 0
        for i in range(colors - 2):
            s1 += k[i]
            s2 += k[i] * k[i]
        # (C - 1)! over the factorials of the runs of equal k.
        for i in range(others):
            value = k[i] if i < colors - 2 else 0
            run = run + 1 if i > 0 and value == k[i - 1] else 1
            multiplicity *= (i + 1.0) / run
        # |K0 k|² = s2 + k_1² - (s1 + k_1)²/C <= reach, a quadratic in k_1.
        room = (reach - s2 + s1 * s1 / others) * colors / others
        if room >= 0.0:
            middle = s1 / others
            first = int(np.ceil(middle - np.sqrt(room)))
            last = int(np.floor(middle + np.sqrt(room)))
            for i in range(others):
                c[i + 1] = scale * k[i] if i < colors - 2 else 0.0
            t = t1 = t2 = 0.0
            warm = 0
            for k1 in range(first, last + 1):
                c[0] = scale * k1 + m + V
                solved = False
                if warm > 0:
                    # Start from the parabola, line or point through the last solutions.
                    x1 = 3.0 if warm > 2 else warm
                    x2 = -3.0 if warm > 2 else 1.0 - warm
                    x3 = 1.0 if warm > 2 else 0.0
                    t, t1, t2 = x1 * t + x2 * t1 + x3 * t2, t, t1
                    for a in range(colors):
                        guess = x1 * log_p[a] + x2 * log_p1[a] + x3 * log_p2[a]
                        log_p2[a] = log_p1[a]
                        log_p1[a] = log_p[a]
                        log_p[a] = guess
                    t, solved = _polish(c, V, t, log_p, p)
                    warm = warm + 1 if solved else 0
                if not solved:
                    t = _log_normaliser(c, V, p)
                    for a in range(colors):
                        log_p[a] = c[a] - t - V * p[a]
                    t, solved = _polish(c, V, t, log_p, p)
                    warm = 1 if solved else 0
                square = s2 + k1 * k1 - (s1 + k1) ** 2 / colors
                weight = multiplicity * np.exp(-0.5 * step * step * square)
                g1 = g2 = total = trace = 0.0
                for a in range(1, colors):
                    g1 += p[a]
                    g2 += p[a] * p[a]
                for a in range(colors):
                    r = p[a] / (1.0 + V * p[a])
                    trace += r * total
                    total += r
                norm += weight
                gap += weight * g1
                energy += weight * (g1 * g1 + g2)
                response += weight * 2.0 * trace / total
                loss -= weight * (np.log1p(-g1) if g1 < 0.5 else log_p[0])
        # The next k: |K0 k| grows with each entry, so the first k too far ends its loop.
        going = False
        for i in range(colors - 2):
            k[i] += 1
            for j in range(i):
                k[j] = k[i]
            s1 = s2 = 0.0
            for j in range(colors - 2):
                s1 += k[j]
                s2 += k[j] * k[j]
            if s2 - s1 * s1 / others <= reach:
                going = True
                break
    cell = (step / np.sqrt(2.0 * np.pi)) ** others / np.sqrt(colors)
    return norm * cell, gap * cell, energy * cell, response * cell, loss * cell
