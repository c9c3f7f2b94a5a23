"""Kernel of the cross-entropy of exchangeable colours, with a contour for every log normaliser."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit
from replica.quadrature.kernels.exchangeable import (
    MOST_NODES,
    add_terms,
    colour_nodes,
    masked_moments,
    other_moments,
    solved_p,
)

#: √q up to which p is nearly linear in the normal variable, and nodes that choose a contour.
_NARROW, _FEW = 0.1, 61


@inlined
def _lead(move, A):
    """Return the ℓ with ℓ + A (e^ℓ - 1) = move, to all digits however small."""
    lead = min(move, np.log1p(move / A)) if move > 0.0 else 0.0
    # From the right of a convex function Newton's steps only come down.
    for _ in range(200):
        step = (lead + A * np.expm1(lead) - move) / (1.0 + A * np.exp(lead))
        lead -= step
        if not step > 1e-15 * abs(lead):
            break
    return lead


@inlined
def _even_nodes(centre, root_q, V, radius, count, p, d, weight):
    """Nodes p, their distances d from `centre` and weights of one colour, uniform in x."""
    total = 0.0
    for i in range(count):
        x = radius * (2.0 * i / (count - 1) - 1.0)
        d[i] = centre * np.expm1(_lead(root_q * x, V * centre))
        p[i] = centre + d[i]
        weight[i] = np.exp(-0.5 * x * x)
        total += weight[i]
    for i in range(count):
        weight[i] /= total


@inlined
def _tilted(s, centre_gap, colors, d1, d, weight):
    """Return log E e^{s (1 - X)}, X = Σ p, and the mean and variance of 1 - X with that weight."""
    value, mean, variance = s * centre_gap, centre_gap, 0.0
    for which in range(2):
        move = d1 if which == 0 else d
        number = 1.0 if which == 0 else colors - 1.0
        top = max(-s * move[0], -s * move[-1])
        zero = one = two = 0.0
        for i in range(weight.size):
            e = weight[i] * np.exp(-s * move[i] - top)
            zero += e
            one += e * move[i]
            two += e * move[i] * move[i]
        one /= zero
        value += number * (top + np.log(zero))
        mean -= number * one
        variance += number * max(two / zero - one * one, 0.0)
    return value, mean, variance


@inlined
def _contour(gap, colors, damping, tail, d1, d, weight):
    """Return the contour's a and h, log E e^{a (1 - X)}, and the standard deviation of X there.

    The line s = a + i y passes the saddle, where terms are as small as what they add up to, or
    right of it as long as they are no larger than those of the likeliest t: further right large
    p, and with them the aliases of X = 1, weigh less. The spacing h keeps the next aliases where
    Chernoff's bound, under the weight e^{a (1 - X)}, is e^{-tail}.
    """
    a, (value, mean, variance) = 0.0, _tilted(0.0, gap, colors, d1, d, weight)
    if mean < 0.0:
        low, high = 0.0, np.inf
        for _ in range(80):
            if mean < 0.0:
                low = a
            else:
                high = a
            if abs(mean) < 1e-3 * np.sqrt(variance):
                break
            new = a - mean / variance
            if not low < new < high:
                new = 0.5 * (low + high) if high < np.inf else 4.0 * a
            a = min(new, 8.0 * a) if a > 0.0 and high == np.inf else new
            value, mean, variance = _tilted(a, gap, colors, d1, d, weight)
    if a < damping:
        low, high = a, damping
        if _tilted(damping, gap, colors, d1, d, weight)[0] < 1.0:
            low = damping
        while high - low > 0.001 * damping:
            middle = 0.5 * (low + high)
            if _tilted(middle, gap, colors, d1, d, weight)[0] < 1.0:
                low = middle
            else:
                high = middle
        a = low
        value, mean, variance = _tilted(a, gap, colors, d1, d, weight)
    spread = np.sqrt(variance)
    above, below = np.inf, 1.0
    for j in range(-16, 10):
        u = 2.0 ** (0.5 * j) * 2.0 / spread
        above = min(above, (tail + _tilted(a - u, gap, colors, d1, d, weight)[0] - value) / u)
        below = min(below, (tail + _tilted(a + u, gap, colors, d1, d, weight)[0] - value) / u)
    if a > 0.0:
        above = min(above, (tail - value) / a)
    return a, 2.0 * np.pi / (1.02 * max(above, below)), value, spread


@inlined
def _centred_transform(count, d, f, a, h, terms, re, im, z):
    """Σ_i f_ji e^{-(a + i h k) d_i} for six functions f_j, of the first Σ_i f_0i (e^{...} - 1)."""
    for i in range(count):
        z[0, i] = np.expm1(-a * d[i])
        z[1, i] = 0.0
        half = np.sin(0.5 * h * d[i])
        z[2, i] = -2.0 * half * half
        z[3, i] = -np.sin(h * d[i])
    for k in range(terms):
        r0 = r1 = r2 = r3 = r4 = r5 = 0.0
        i0 = i1 = i2 = i3 = i4 = i5 = 0.0
        for i in range(count):
            x = z[0, i]
            y = z[1, i]
            r0 += f[0, i] * x
            i0 += f[0, i] * y
            one = 1.0 + x
            r1 += f[1, i] * one
            i1 += f[1, i] * y
            r2 += f[2, i] * one
            i2 += f[2, i] * y
            r3 += f[3, i] * one
            i3 += f[3, i] * y
            r4 += f[4, i] * one
            i4 += f[4, i] * y
            r5 += f[5, i] * one
            i5 += f[5, i] * y
            z[0, i] = x + (x * z[2, i] - y * z[3, i]) + z[2, i]
            z[1, i] = y + (x * z[3, i] + y * z[2, i]) + z[3, i]
        re[0, k], re[1, k], re[2, k], re[3, k], re[4, k], re[5, k] = r0, r1, r2, r3, r4, r5
        im[0, k], im[1, k], im[2, k], im[3, k], im[4, k], im[5, k] = i0, i1, i2, i3, i4, i5


@inlined
def _centred_nodes(centre, shift, root_q, V, radius, a, rate, density, p, d, weight):
    """Return the number of nodes of one colour, and by how much their weights exceed one."""
    if root_q > _NARROW:
        p_cut = 1.0 + 30.0 / a if a > 0.0 else np.inf
        count = colour_nodes(shift, root_q, V, radius, rate, p_cut, density, p, weight)
        excess = -1.0
        for i in range(count):
            d[i] = p[i] - centre
            excess += weight[i]
        return count, excess
    # Cycles of e^{-iyp}, |y| <= rate, beside those of a normal variable.
    turns = rate * root_q * centre / (1.0 + V * centre) * np.exp(radius * root_q)
    count = int(density * radius * (turns + 9.0) * 1.06) + 9
    if count > p.size:
        return -1, 0.0
    _even_nodes(centre, root_q, V, radius, count, p, d, weight)
    return count, 0.0


@inlined
def _log_size(count, d, weight, a, y):
    """Return log |E e^{-(a + i y) d}|."""
    re = im = 0.0
    for i in range(count):
        e = weight[i] * np.exp(-a * d[i])
        re += e * np.cos(y * d[i])
        im += e * np.sin(y * d[i])
    return np.log(np.hypot(re, im))


@jit
def contour_averages(
    colors, m, q, V, t_low, t_high, t_count, tail, damping, radius, density, most
):  # fmt: skip
    """Average as `exchangeable_averages` does, on a contour chosen at every t, by centred numbers.

    p = p(0) + d with d known to all its digits, however narrow the fields: with X(0) = Σ p(0)
    taken from a reference t, e^{s (1 - X(0))} and e^{-s d} keep theirs. t = t_0 + w sinh u, u
    uniform, resolves the bulk of t, of width w, and its tail, which a single large p makes.

    Returns
    -------
    tuple
        E 1, E g_1, E |g|², E tr K, E log(1/p_1).
    """
    n = colors - 1
    root_q = np.sqrt(q)
    size = 200 + int(MOST_NODES)
    p, d, w = np.empty(size), np.empty(size), np.empty(size)
    p1, d1, w1 = np.empty(size), np.empty(size), np.empty(size)
    z = np.empty((4, size))
    f = np.empty((6, size))
    Ar, Ai = np.empty((6, most)), np.empty((6, most))
    Br, Bi = np.empty((6, most)), np.empty((6, most))
    few, few_d, few_d1 = np.empty(_FEW), np.empty(_FEW), np.empty(_FEW)
    few_w = np.empty(_FEW)
    # Where Σ p is one on average, but for large p, which are rare.
    low, high = t_low, t_high
    origin = start = start1 = start_gap = variance = 0.0
    for _ in range(60):
        origin = 0.5 * (low + high)
        start, start1 = solved_p(-origin, V), solved_p(m + V - origin, V)
        start_gap = 1.0 - start1 - n * start
        _even_nodes(start, root_q, V, radius, _FEW, few, few_d, few_w)
        _even_nodes(start1, root_q, V, radius, _FEW, few, few_d1, few_w)
        _, mean, variance = _tilted(8.0, start_gap, colors, few_d1, few_d, few_w)
        if mean > 0.0:
            high = origin
        else:
            low = origin
    # Σ p falls with t at the rate Σ r.
    slope = n * start / (1.0 + V * start) + start1 / (1.0 + V * start1)
    width = 1.5 * np.sqrt(variance) / slope
    first, last = np.arcsinh((t_low - origin) / width), np.arcsinh((t_high - origin) / width)
    step = (last - first) / (t_count - 1)
    sums = np.zeros(5)
    for it in range(t_count):
        u = first + it * step
        move = width * np.sinh(u)
        lead, lead1 = _lead(-move, V * start), _lead(-move, V * start1)
        centre, centre1 = start * np.exp(lead), start1 * np.exp(lead1)
        gap = start_gap - start1 * np.expm1(lead1) - n * start * np.expm1(lead)
        _even_nodes(centre, root_q, V, radius, _FEW, few, few_d, few_w)
        _even_nodes(centre1, root_q, V, radius, _FEW, few, few_d1, few_w)
        a, h, value, spread = _contour(gap, colors, damping, tail, few_d1, few_d, few_w)
        if value < -tail - 6.0:
            continue
        rate = 8.0 / spread
        while True:
            rate = min(rate, h * (most - 1))
            count, excess = _centred_nodes(
                centre, -origin - move, root_q, V, radius, a, rate, density, p, d, w
            )
            count1, excess1 = _centred_nodes(
                centre1, m + V - origin - move, root_q, V, radius, a, rate, density, p1, d1, w1
            )
            if count < 0 or count1 < 0:
                return np.nan, np.nan, np.nan, np.nan, np.nan
            # Every term has at least n - 2 of these factors.
            size_s = a * gap + max(n - 2, 0) * _log_size(count, d, w, a, rate)
            size_s += _log_size(count1, d1, w1, a, rate)
            if not (size_s >= -tail and rate < h * (most - 1)):
                break
            rate *= 1.3
        terms = min(int(rate / h) + 2, most)
        other_moments(count, p, w, V, f)
        _centred_transform(count, d, f, a, h, terms, Ar, Ai, z)
        masked_moments(count1, p1, w1, V, f)
        _centred_transform(count1, d1, f, a, h, terms, Br, Bi, z)
        area = step * width * np.cosh(u) * h / np.pi
        for k in range(terms):
            x, y = Ar[0, k] + excess, Ai[0, k]
            log_e = complex(0.5 * np.log1p(2.0 * x + x * x + y * y), np.arctan2(y, 1.0 + x))
            three = np.exp((n - 2) * log_e + complex(a, h * k) * gap)
            two = three * complex(1.0 + x, y)
            one = two * complex(1.0 + x, y)
            m_1 = complex(1.0 + Br[0, k] + excess1, Bi[0, k])
            factor = complex(area * (0.5 if k == 0 else 1.0), 0.0)
            add_terms(sums, factor, n, one, two, three, m_1, Ar, Ai, Br, Bi, k)
    return sums[0], sums[1], sums[2], sums[3], sums[4]
