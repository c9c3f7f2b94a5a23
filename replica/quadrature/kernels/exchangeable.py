"""Kernels of the cross-entropy of C exchangeable colours: integrals over the log normaliser.

The prox of the cross-entropy separates at given log normaliser t: with c = ω + V e_1,
V p_a = W(V e^{c_a - t}), and t is fixed by Σ_a p_a = 1. `exchangeable_averages` never solves that,
but integrates over t, as THEORY.md derives.
"""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit, within
from replica.quadrature.kernels.special import wright_omega

#: Nodes of one colour beyond which fields are too narrow to resolve in double precision.
MOST_NODES = 200_000.0


@within
def solved_p(z, V):
    """Return the p with log p + V p = z."""
    return wright_omega(z + np.log(V)) / V


@within
def node_place(p, log_p, scale):
    """Return the s with p = scale log(1 + e^τ), τ = s - 6 e^{-3 - s/6}."""
    ratio = p / scale
    tau = log_p - np.log(scale) if ratio < 1e-9 else ratio + np.log(-np.expm1(-ratio))
    s = tau if tau > -18.0 else -18.0 - 6.0 * np.log1p((-18.0 - tau) / 6.0)
    for _ in range(50):
        tail = np.exp(-3.0 - s / 6.0)
        move = (tau - s + 6.0 * tail) / (1.0 + tail)
        s += move
        if abs(move) < 1e-12 * (1.0 + abs(s)):
            break
    return s


@inlined
def colour_nodes(shift, root_q, V, radius, rate, p_cut, density, p, weight):
    """Nodes p and weights of the average over one colour, log p + V p = shift + √q x.

    They are uniform in s, with p = scale log(1 + e^τ) and τ = s - 6 e^{-3 - s/6}: uniform in p
    where e^{-iyp} with |y| <= rate must be resolved, uniform in log p where that function
    bends, and ever coarser in log p where only the Gaussian in x is left. Return their
    number, or -1 if they do not fit.
    """
    low = shift - root_q * radius
    p_low = solved_p(low, V)
    p_high = min(solved_p(shift + root_q * radius, V), p_cut)
    if not p_high > p_low:
        return 0
    steep = radius / root_q
    fine = max(steep + 4.0, 20.0)
    scale = fine / (steep * V + rate)
    log_scale = np.log(scale)
    first = node_place(p_low, low - V * p_low, scale)
    last = node_place(p_high, np.log(p_high), scale)
    count = int((last - first) * fine * density) + 3
    if count > p.size:
        return -1
    step = (last - first) / (count - 1)
    norm = step / (root_q * np.sqrt(2.0 * np.pi))
    tail = np.exp(-3.0 - first / 6.0)
    shrink = np.exp(-step / 6.0)
    for i in range(count):
        tau = first + i * step - 6.0 * tail
        e = np.exp(tau)
        if tau < -20.0:
            # log(1 + e^τ) = e^τ (1 - e^τ/2) to rounding.
            value = scale * e
            log_p = log_scale + tau - 0.5 * e
            slope = (1.0 + tail) * (1.0 - 0.5 * e)
        else:
            soft = np.log1p(e) if tau < 30.0 else tau
            value = scale * soft
            log_p = log_scale + np.log(soft)
            slope = (1.0 + tail) / ((1.0 + 1.0 / e) * soft)
        x = (log_p + V * value - shift) / root_q
        p[i] = value
        weight[i] = norm * np.exp(-0.5 * x * x) * (1.0 + V * value) * slope
        tail *= shrink
    return count


@within
def transform(count, p, f, a, h, terms, re, im, z):
    """Σ_i f_ji e^{-(a + i h k) p_i} for each of the six functions f_j and every k < terms."""
    for i in range(count):
        z[0, i] = np.exp(-a * p[i])
        z[1, i] = 0.0
        z[2, i] = np.cos(h * p[i])
        z[3, i] = -np.sin(h * p[i])
    for k in range(terms):
        r0 = r1 = r2 = r3 = r4 = r5 = 0.0
        i0 = i1 = i2 = i3 = i4 = i5 = 0.0
        for i in range(count):
            x = z[0, i]
            y = z[1, i]
            r0 += f[0, i] * x
            i0 += f[0, i] * y
            r1 += f[1, i] * x
            i1 += f[1, i] * y
            r2 += f[2, i] * x
            i2 += f[2, i] * y
            r3 += f[3, i] * x
            i3 += f[3, i] * y
            r4 += f[4, i] * x
            i4 += f[4, i] * y
            r5 += f[5, i] * x
            i5 += f[5, i] * y
            z[0, i] = x * z[2, i] - y * z[3, i]
            z[1, i] = x * z[3, i] + y * z[2, i]
        re[0, k], re[1, k], re[2, k], re[3, k], re[4, k], re[5, k] = r0, r1, r2, r3, r4, r5
        im[0, k], im[1, k], im[2, k], im[3, k], im[4, k], im[5, k] = i0, i1, i2, i3, i4, i5


@within
def loss_ratio(p, u):
    """Return κ = log(1/p)/u at u = 1 - p."""
    if abs(u) > 1e-3:
        # Where p underflows, so has its weight, or all that it could add.
        return -np.log(max(p, 1e-300)) / u
    return 1.0 + u * (1 / 2 + u * (1 / 3 + u * (1 / 4 + u * (1 / 5 + u / 6))))


@within
def other_moments(count, p, w, V, f):
    """Fill the six functions of another colour than the masked one, times their weights."""
    for i in range(count):
        r = p[i] / (1.0 + V * p[i])
        f[0, i] = w[i]
        f[1, i] = w[i] * r
        f[2, i] = w[i] * p[i]
        f[3, i] = w[i] * p[i] * r
        f[4, i] = w[i] * p[i] * p[i]
        f[5, i] = w[i] * p[i] * p[i] * r


@within
def masked_moments(count, p, w, V, f):
    """Fill the six functions of the masked colour, times their weights."""
    for i in range(count):
        r = p[i] / (1.0 + V * p[i])
        u = 1.0 - p[i]
        # log(1/p_1) = κ(p_1) (1 - p_1), and 1 - p_1 is the sum of the others.
        kappa = loss_ratio(p[i], u)
        f[0, i] = w[i]
        f[1, i] = w[i] * r
        f[2, i] = w[i] * u
        f[3, i] = w[i] * u * r
        f[4, i] = w[i] * kappa
        f[5, i] = w[i] * kappa * r


@within
def integrands(n, one, two, three, e_r, e_p, e_pr, e_pp, e_ppr, m_1, m_r, m_u, m_ur, m_k, m_kr):
    """Return the integrands of 1, g_1, |g|², tr K and log(1/p_1) from the averages over one colour.

    `one`, `two` and `three` are e_1 to the powers n, n - 1 and n - 2; e is of another colour than
    the masked one, m of that.
    """
    # Σ_{a>1} p_a Σ_b r_b over the other colours only, and the same with p².
    others = n * (e_pr * two + (n - 1) * e_p * e_r * three)
    squares = n * (e_ppr * two + (n - 1) * e_pp * e_r * three)
    norm = m_r * one + n * m_1 * e_r * two
    gap = n * m_r * e_p * two + m_1 * others
    energy = n * m_ur * e_p * two + m_u * others + n * m_r * e_pp * two + m_1 * squares
    response = n * e_r * (2.0 * m_r * two + (n - 1) * m_1 * e_r * three)
    loss = n * m_kr * e_p * two + m_k * others
    return norm, gap, energy, response, loss


@within
def add_terms(sums, factor, n, one, two, three, m_1, Ar, Ai, Br, Bi, k):
    """Add term k of the integrals of 1, g_1, |g|², tr K and log(1/p_1)."""
    norm, gap, energy, response, loss = integrands(
        n, one, two, three,
        complex(Ar[1, k], Ai[1, k]), complex(Ar[2, k], Ai[2, k]), complex(Ar[3, k], Ai[3, k]),
        complex(Ar[4, k], Ai[4, k]), complex(Ar[5, k], Ai[5, k]), m_1,
        complex(Br[1, k], Bi[1, k]), complex(Br[2, k], Bi[2, k]), complex(Br[3, k], Bi[3, k]),
        complex(Br[4, k], Bi[4, k]), complex(Br[5, k], Bi[5, k]),
    )  # fmt: skip
    sums[0] += (factor * norm).real
    sums[1] += (factor * gap).real
    sums[2] += (factor * energy).real
    sums[3] += (factor * response).real
    sums[4] += (factor * loss).real


@jit
def exchangeable_averages(colors, m, q, V, t_low, t_high, t_count, a, h, series, radius, density):
    """Average over the C - 1 fields by the exchangeability of the colours.

    E O = ∫dt (1/2πi) ∫ds e^s E[O Σ_b r_b e^{-s Σ_a p_a}], r = p/(1 + V p): at given t and s
    every term is a product of one-dimensional averages, one for the masked colour, one for
    each other. s runs over a + i h k with the weights `series`.

    Returns
    -------
    tuple
        E 1, E g_1, E |g|², E tr K, E log(1/p_1).
    """
    n = colors - 1
    root_q = np.sqrt(q)
    terms = series.size
    rate = h * (terms - 1)
    p_cut = 1.0 + 30.0 / a if a > 0.0 else np.inf
    reach = rate * (p_cut if a > 0.0 else 3.0)
    size = 200 + int(min(density * (2.0 * radius**2 + 1300.0 + reach), MOST_NODES))
    p = np.empty(size)
    w = np.empty(size)
    z = np.empty((4, size))
    f = np.empty((6, size))
    Ar = np.empty((6, terms))
    Ai = np.empty((6, terms))
    Br = np.empty((6, terms))
    Bi = np.empty((6, terms))
    sums = np.zeros(5)
    step = (t_high - t_low) / (t_count - 1)
    for it in range(t_count):
        t = t_low + it * step
        count = colour_nodes(-t, root_q, V, radius, rate, p_cut, density, p, w)
        if count < 0:
            return np.nan, np.nan, np.nan, np.nan, np.nan
        other_moments(count, p, w, V, f)
        transform(count, p, f, a, h, terms, Ar, Ai, z)
        count = colour_nodes(m + V - t, root_q, V, radius, rate, p_cut, density, p, w)
        if count < 0:
            return np.nan, np.nan, np.nan, np.nan, np.nan
        masked_moments(count, p, w, V, f)
        transform(count, p, f, a, h, terms, Br, Bi, z)
        for k in range(terms):
            e_1 = complex(Ar[0, k], Ai[0, k])
            three = e_1 ** (n - 2) if n > 2 else complex(1.0 if n == 2 else 0.0, 0.0)
            two = three * e_1 if n > 1 else complex(1.0, 0.0)
            one = two * e_1
            factor = np.exp(complex(a, h * k)) * (series[k] * step)
            m_1 = complex(Br[0, k], Bi[0, k])
            add_terms(sums, factor, n, one, two, three, m_1, Ar, Ai, Br, Bi, k)
    return sums[0], sums[1], sums[2], sums[3], sums[4]
