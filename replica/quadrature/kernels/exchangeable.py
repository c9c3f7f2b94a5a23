"""Kernels of the cross-entropy channel: averages over the fields of C colours.

The prox of the cross-entropy separates at given log normaliser t: with c = ω + V e_1,
V p_a = W(V e^{c_a - t}), and t is fixed by Σ_a p_a = 1. `lattice_averages` solves that at
every point of a lattice of fields; `exchange_averages` and `contour_averages` never solve it,
but integrate over t. All are derived in THEORY.md. Kernels that call each other share this file,
because a cached caller does not notice a change of its callee elsewhere.
"""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit

#: Nodes of one colour beyond which fields are too narrow to resolve in double precision.
_MOST_NODES = 200_000.0

#: √q up to which p is nearly linear in the normal variable, and nodes that choose a contour.
_NARROW, _FEW = 0.1, 61

#: Normal variable of a density that is 0 in floating point, for any number of colours.
_NEVER = 39.0


@inlined
def wright_omega(z):
    """Return the ω > 0 with ω + log ω = z."""
    if z < -36.0:
        return np.exp(z)
    if z > 2.0:
        log_z = np.log(z)
        omega = z - log_z + log_z / z
    elif z > -2.0:
        d = z - 1.0
        omega = 1.0 + d * (0.5 + d * (0.0625 - d / 192.0))
    else:
        y = np.exp(z)
        omega = y * (1.0 - y * (1.0 - 1.5 * y))
    # Fritsch, Shafer & Crowley (1973), of fourth order.
    for _ in range(2):
        r = z - omega - np.log(omega)
        u = 1.0 + omega
        v = u * (u + r / 1.5)
        omega *= 1.0 + r / u * (v - 0.5 * r) / (v - r)
    return omega


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


@inlined
def _solved_p(z, V):
    """Return the p with log p + V p = z."""
    return wright_omega(z + np.log(V)) / V


@inlined
def _node_place(p, log_p, scale):
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
def _colour_nodes(shift, root_q, V, radius, rate, p_cut, density, p, weight):
    """Nodes p and weights of the average over one colour, log p + V p = shift + √q x.

    They are uniform in s, with p = scale log(1 + e^τ) and τ = s - 6 e^{-3 - s/6}: uniform in p
    where e^{-iyp} with |y| <= rate must be resolved, uniform in log p where that function
    bends, and ever coarser in log p where only the Gaussian in x is left. Return their
    number, or -1 if they do not fit.
    """
    low = shift - root_q * radius
    p_low = _solved_p(low, V)
    p_high = min(_solved_p(shift + root_q * radius, V), p_cut)
    if not p_high > p_low:
        return 0
    steep = radius / root_q
    fine = max(steep + 4.0, 20.0)
    scale = fine / (steep * V + rate)
    log_scale = np.log(scale)
    first = _node_place(p_low, low - V * p_low, scale)
    last = _node_place(p_high, np.log(p_high), scale)
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


@inlined
def _transform(count, p, f, a, h, terms, re, im, z):
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


@inlined
def _loss_ratio(p, u):
    """Return κ = log(1/p)/u at u = 1 - p."""
    if abs(u) > 1e-3:
        # Where p underflows, so has its weight, or all that it could add.
        return -np.log(max(p, 1e-300)) / u
    return 1.0 + u * (1 / 2 + u * (1 / 3 + u * (1 / 4 + u * (1 / 5 + u / 6))))


@inlined
def _other_moments(count, p, w, V, f):
    """Fill the six functions of another colour than the masked one, times their weights."""
    for i in range(count):
        r = p[i] / (1.0 + V * p[i])
        f[0, i] = w[i]
        f[1, i] = w[i] * r
        f[2, i] = w[i] * p[i]
        f[3, i] = w[i] * p[i] * r
        f[4, i] = w[i] * p[i] * p[i]
        f[5, i] = w[i] * p[i] * p[i] * r


@inlined
def _masked_moments(count, p, w, V, f):
    """Fill the six functions of the masked colour, times their weights."""
    for i in range(count):
        r = p[i] / (1.0 + V * p[i])
        u = 1.0 - p[i]
        # log(1/p_1) = κ(p_1) (1 - p_1), and 1 - p_1 is the sum of the others.
        kappa = _loss_ratio(p[i], u)
        f[0, i] = w[i]
        f[1, i] = w[i] * r
        f[2, i] = w[i] * u
        f[3, i] = w[i] * u * r
        f[4, i] = w[i] * kappa
        f[5, i] = w[i] * kappa * r


@inlined
def _add(sums, factor, n, one, two, three, m_1, Ar, Ai, Br, Bi, k):
    """Add a term of the integrals of 1, g_1, |g|², tr K and log(1/p_1).

    `one`, `two` and `three` are e_1 to the powers n, n - 1 and n - 2, m_1 the masked colour's.
    """
    e_r = complex(Ar[1, k], Ai[1, k])
    e_p = complex(Ar[2, k], Ai[2, k])
    e_pr = complex(Ar[3, k], Ai[3, k])
    e_pp = complex(Ar[4, k], Ai[4, k])
    e_ppr = complex(Ar[5, k], Ai[5, k])
    m_r = complex(Br[1, k], Bi[1, k])
    m_u = complex(Br[2, k], Bi[2, k])
    m_ur = complex(Br[3, k], Bi[3, k])
    m_k = complex(Br[4, k], Bi[4, k])
    m_kr = complex(Br[5, k], Bi[5, k])
    # Σ_{a>1} p_a Σ_b r_b over the other colours only, and the same with p².
    others = n * (e_pr * two + (n - 1) * e_p * e_r * three)
    squares = n * (e_ppr * two + (n - 1) * e_pp * e_r * three)
    sums[0] += (factor * (m_r * one + n * m_1 * e_r * two)).real
    sums[1] += (factor * (n * m_r * e_p * two + m_1 * others)).real
    sums[2] += (
        factor * (n * m_ur * e_p * two + m_u * others + n * m_r * e_pp * two + m_1 * squares)
    ).real
    sums[3] += (factor * n * e_r * (2.0 * m_r * two + (n - 1) * m_1 * e_r * three)).real
    sums[4] += (factor * (n * m_kr * e_p * two + m_k * others)).real


@jit
def exchange_averages(colors, m, q, V, t_low, t_high, t_count, a, h, series, radius, density):
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
    size = 200 + int(
        min(density * (2.0 * radius**2 + 1300.0 + rate * min(p_cut, 3.0)), _MOST_NODES)
    )
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
        count = _colour_nodes(-t, root_q, V, radius, rate, p_cut, density, p, w)
        if count < 0:
            return np.nan, np.nan, np.nan, np.nan, np.nan
        _other_moments(count, p, w, V, f)
        _transform(count, p, f, a, h, terms, Ar, Ai, z)
        count = _colour_nodes(m + V - t, root_q, V, radius, rate, p_cut, density, p, w)
        if count < 0:
            return np.nan, np.nan, np.nan, np.nan, np.nan
        _masked_moments(count, p, w, V, f)
        _transform(count, p, f, a, h, terms, Br, Bi, z)
        for k in range(terms):
            e_1 = complex(Ar[0, k], Ai[0, k])
            three = e_1 ** (n - 2) if n > 2 else complex(1.0 if n == 2 else 0.0, 0.0)
            two = three * e_1 if n > 1 else complex(1.0, 0.0)
            one = two * e_1
            factor = np.exp(complex(a, h * k)) * (series[k] * step)
            m_1 = complex(Br[0, k], Bi[0, k])
            _add(sums, factor, n, one, two, three, m_1, Ar, Ai, Br, Bi, k)
    return sums[0], sums[1], sums[2], sums[3], sums[4]


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
        count = _colour_nodes(shift, root_q, V, radius, rate, p_cut, density, p, weight)
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
    """Average as `exchange_averages` does, on a contour chosen at every t, by centred numbers.

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
    size = 200 + int(_MOST_NODES)
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
        start, start1 = _solved_p(-origin, V), _solved_p(m + V - origin, V)
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
        _other_moments(count, p, w, V, f)
        _centred_transform(count, d, f, a, h, terms, Ar, Ai, z)
        _masked_moments(count1, p1, w1, V, f)
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
            _add(sums, factor, n, one, two, three, m_1, Ar, Ai, Br, Bi, k)
    return sums[0], sums[1], sums[2], sums[3], sums[4]


@inlined
def _weigh(count, p, w, V, shift, root_q, share, u, v_first, v_step, silent, ringing, out):
    """Fill w Ψ(u + share x) and -w Ψ'(u + share x), by splines, and return their sums."""
    last = silent.shape[0] - 1
    one = two = 0.0
    for i in range(count):
        x = (np.log(max(p[i], 1e-300)) + V * p[i] - shift) / root_q
        place = (u + share * x - v_first) / v_step
        j = min(max(int(place), 0), last)
        d = (place - j) * v_step
        c, e = silent[j], ringing[j]
        out[0, i] = w[i] * (((c[0] * d + c[1]) * d + c[2]) * d + c[3])
        out[1, i] = -w[i] * (((e[0] * d + e[1]) * d + e[2]) * d + e[3])
        one += out[0, i]
        two += out[1, i]
    return one, two


@jit
def race_exchange_averages(
    colors, share, q, V, t_low, t_high, t_count, a, h, series, radius, density,
    u_first, u_step, u_count, v_first, v_step, silent, ringing,
):  # fmt: skip
    """Average over fields √q x with the weight of the race of clocks of log rates share x + noise.

    As `exchange_averages`; at given time u of the race every other colour has the further
    weight Ψ(u + share x), the masked one -Ψ'.

    Returns
    -------
    tuple
        E W, E W (pull·g), E W |g|², E W tr K, E W log(1/p_1), W = C π.
    """
    n = colors - 1
    root_q = np.sqrt(q)
    terms = series.size
    rate = h * (terms - 1)
    p_cut = 1.0 + 30.0 / a if a > 0.0 else np.inf
    size = 200 + int(
        min(density * (2.0 * radius**2 + 1300.0 + rate * min(p_cut, 3.0)), _MOST_NODES)
    )
    p, w = np.empty(size), np.empty(size)
    p1, w1 = np.empty(size), np.empty(size)
    weighed, weighed1 = np.empty((2, size)), np.empty((2, size))
    z = np.empty((4, size))
    f = np.zeros((6, size))
    Ar, Ai = np.empty((6, terms)), np.empty((6, terms))
    Br, Bi = np.empty((6, terms)), np.empty((6, terms))
    Dr, Di = np.empty((6, terms)), np.empty((6, terms))
    norm = gap = energy = response = loss = 0.0
    step = (t_high - t_low) / (t_count - 1)
    for it in range(t_count):
        t = t_low + it * step
        count = _colour_nodes(-t, root_q, V, radius, rate, p_cut, density, p, w)
        count1 = _colour_nodes(V - t, root_q, V, radius, rate, p_cut, density, p1, w1)
        if count < 0 or count1 < 0:
            return np.nan, np.nan, np.nan, np.nan, np.nan
        for iu in range(u_count):
            u = u_first + iu * u_step
            one, _ = _weigh(
                count, p, w, V, -t, root_q, share, u, v_first, v_step, silent, ringing, weighed
            )
            _, two = _weigh(
                count1, p1, w1, V, V - t, root_q, share, u, v_first, v_step,
                silent, ringing, weighed1,
            )  # fmt: skip
            if not max(one, 0.0) ** n * two > 1e-17:
                continue
            for i in range(count):
                r = p[i] / (1.0 + V * p[i])
                weight = weighed[0, i]
                f[0, i] = weight
                f[1, i] = weight * r
                f[2, i] = weight * p[i]
                f[3, i] = weight * p[i] * r
                f[4, i] = weight * p[i] * p[i]
                f[5, i] = weight * p[i] * p[i] * r
            _transform(count, p, f, a, h, terms, Ar, Ai, z)
            for i in range(count):
                r = p[i] / (1.0 + V * p[i])
                weight = weighed[1, i]
                f[0, i] = weight
                f[1, i] = weight * r
                f[2, i] = weight * p[i]
                f[3, i] = weight * p[i] * r
            _transform(count, p, f, a, h, terms, Dr, Di, z)
            for i in range(count1):
                r = p1[i] / (1.0 + V * p1[i])
                x = 1.0 - p1[i]
                kappa = _loss_ratio(p1[i], x)
                weight = weighed1[1, i]
                f[0, i] = weight
                f[1, i] = weight * r
                f[2, i] = weight * x
                f[3, i] = weight * x * r
                f[4, i] = weight * kappa
                f[5, i] = weight * kappa * r
            _transform(count1, p1, f, a, h, terms, Br, Bi, z)
            for k in range(terms):
                e_1 = complex(Ar[0, k], Ai[0, k])
                e_r = complex(Ar[1, k], Ai[1, k])
                e_p = complex(Ar[2, k], Ai[2, k])
                e_pr = complex(Ar[3, k], Ai[3, k])
                e_pp = complex(Ar[4, k], Ai[4, k])
                e_ppr = complex(Ar[5, k], Ai[5, k])
                d_1 = complex(Dr[0, k], Di[0, k])
                d_r = complex(Dr[1, k], Di[1, k])
                d_p = complex(Dr[2, k], Di[2, k])
                d_pr = complex(Dr[3, k], Di[3, k])
                m_1 = complex(Br[0, k], Bi[0, k])
                m_r = complex(Br[1, k], Bi[1, k])
                m_u = complex(Br[2, k], Bi[2, k])
                m_ur = complex(Br[3, k], Bi[3, k])
                m_k = complex(Br[4, k], Bi[4, k])
                m_kr = complex(Br[5, k], Bi[5, k])
                three = e_1 ** (n - 2) if n > 2 else complex(1.0 if n == 2 else 0.0, 0.0)
                two_ = three * e_1 if n > 1 else complex(1.0, 0.0)
                one_ = two_ * e_1
                factor = np.exp(complex(a, h * k)) * series[k]
                others = n * (e_pr * two_ + (n - 1) * e_p * e_r * three)
                squares = n * (e_ppr * two_ + (n - 1) * e_pp * e_r * three)
                norm += (factor * (m_r * one_ + n * m_1 * e_r * two_)).real
                # The pull moves weight between the masked colour and each other: g_1 - g_a.
                rest = (n - 1) * e_r * three
                gap += (
                    factor
                    * n
                    * (
                        (m_ur * d_1 + m_u * d_r + m_r * d_p + m_1 * d_pr) * two_
                        + (m_u * d_1 + m_1 * d_p) * rest
                    )
                ).real
                energy += (
                    factor
                    * (n * m_ur * e_p * two_ + m_u * others + n * m_r * e_pp * two_ + m_1 * squares)
                ).real
                response += (
                    factor * n * e_r * (2.0 * m_r * two_ + (n - 1) * m_1 * e_r * three)
                ).real
                loss += (factor * (n * m_kr * e_p * two_ + m_k * others)).real
    scale = colors * step * u_step
    return norm * scale, gap * scale, energy * scale, response * scale, loss * scale


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
        p1[i] = _solved_p(m + V + root_q * x - t, V)
        p[i] = _solved_p(root_q * x - t, V)
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
def exchange_window(colors, m, q, V, radius, scale):
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
        c[0] = _solved_p(m + V - t, V) + (colors - 1) * _solved_p(-t, V)
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
def exchange_decay(colors, m, q, V, t, a, y, radius, density):
    """Return |E e^{a - (a + i y) Σ p}| at log normaliser t, without two of the other colours."""
    root_q = np.sqrt(q)
    p_cut = 1.0 + 30.0 / a if a > 0.0 else np.inf
    size = 200 + int(min(density * (2.0 * radius**2 + 1300.0 + y * min(p_cut, 3.0)), _MOST_NODES))
    p = np.empty(size)
    w = np.empty(size)
    result = np.exp(a)
    for which in range(2):
        shift = m + V - t if which == 0 else -t
        count = _colour_nodes(shift, root_q, V, radius, y, p_cut, density, p, w)
        if count < 0:
            return np.nan
        re = im = 0.0
        for i in range(count):
            size_i = w[i] * np.exp(-a * p[i])
            re += size_i * np.cos(y * p[i])
            im += size_i * np.sin(y * p[i])
        result *= np.hypot(re, im) ** (1 if which == 0 else max(colors - 3, 0))
    return result


@inlined
def _lean(m, root):
    """Return the -z around which the loss of h = m + root z lies: log E log(1 + e^-h) < -z²/2."""
    return min(m / root, root) if m > 0.0 and root > 0.0 else 0.0


@jit
def fresh_pair(m, q, spacing, radius):
    """Average over the one field of two colours without training, by the trapezoidal rule.

    Returns
    -------
    tuple
        E log(1/p_1), E (1 - p_1).
    """
    root = np.sqrt(2.0 * q)
    half = int((radius + _lean(m, root)) / spacing)
    loss = error = 0.0
    for i in range(-half, half + 1):
        z = i * spacing
        weight = np.exp(-0.5 * z * z)
        h = m + root * z
        e = np.exp(-abs(h))
        loss += weight * (np.log1p(e) + max(-h, 0.0))
        error += weight * (e if h > 0.0 else 1.0) / (1.0 + e)
    norm = spacing / np.sqrt(2.0 * np.pi)
    return loss * norm, error * norm


@jit
def fresh_averages(colors, m, q, spacing, radius, digits):
    """Average over the fields without training, h = ω, by one integral of a product.

    With Ψ(v) = E e^{-e^{v + √q x}} and u = v + √q x, see THEORY.md:
    E log(1/p_1) = ∫dv Ψ(v + m) (1 - Ψ(v)^{C-1}),
    E (1 - p_1) = (C - 1) ∫dv Ψ(v + m) Ψ(v)^{C-2} E[e^u e^{-e^u}].
    Both in v and in √q x the trapezoidal rule has at most this spacing. Below v = -digits the
    integrands are negligible, and e^{-digits} above.

    Returns
    -------
    tuple
        E log(1/p_1), E (1 - p_1).
    """
    n = colors - 1
    # Narrower fields than that change nothing, but their grid would never end.
    root_q = max(np.sqrt(q), 1e-8)
    # An error takes two components, of which each goes half the way.
    lean = _lean(m, np.sqrt(2.0) * root_q)
    if lean > _NEVER:
        return 0.0, 0.0
    radius += lean / np.sqrt(2.0)
    dx = min(0.75, spacing / root_q)
    half = int(np.ceil(radius / dx))
    du = dx * root_q
    # The grid of v is every `stride`-th point of that of u, and m is not on either.
    stride = max(1, int(spacing / du))
    dv = stride * du
    low = -digits - np.log(n) - radius * root_q
    high = radius * root_q + np.log(digits) - min(m, 0.0)
    count = int(np.ceil((high - low) / dv)) + 1
    weight = np.empty(2 * half + 1)
    for i in range(2 * half + 1):
        weight[i] = np.exp(-0.5 * ((i - half) * dx) ** 2) * dx / np.sqrt(2.0 * np.pi)
    # Where all of u is far below zero, e^{-e^u} = 1 - e^u, and above log(digits) it is zero.
    size = 2 * half + 1 if stride > 1 else count + 2 * half
    wrong = np.empty(size)
    slope = np.empty(size)
    right = np.empty(size)
    loss = error = 0.0
    for k in range(count):
        v = low + k * dv
        first = 0 if stride > 1 else k
        if stride > 1 or k == 0:
            for i in range(size):
                u = v + (i - half) * du
                e = np.exp(min(u, 50.0))
                wrong[i] = -np.expm1(-e)
                slope[i] = e * np.exp(-e)
                right[i] = np.exp(-np.exp(min(u + m, 50.0)))
        missing = density = both = 0.0
        for i in range(2 * half + 1):
            missing += weight[i] * wrong[first + i]
            density += weight[i] * slope[first + i]
            both += weight[i] * right[first + i]
        rest = np.log1p(-min(missing, 1.0 - 1e-16))
        loss -= both * np.expm1(n * rest)
        error += both * n * density * np.exp((n - 1) * rest)
    return loss * dv, error * dv
