"""Kernel of the cross-entropy of exchangeable colours with one grid of p for all normalisers."""

from __future__ import annotations

import numpy as np

from replica.jit import jit, part
from replica.quadrature.kernels.exchangeable import (
    integrands,
    masked_moments,
    node_place,
    other_moments,
    solved_p,
)
from replica.quadrature.kernels.special import exponential

#: Beyond the radius: how much farther nodes count, as they are not where the Gaussian is cut.
_MARGIN = 0.2

#: Powers that are few enough to be taken of 1 + z, and not of z.
_FEW = 8


@part
def nodes(low, high, root_q, V, radius, rate, p_cut, density, most):
    """Return nodes p between log p + V p = low and high, x = (log p + V p)/√q and dx/√(2π).

    As in `colour_nodes` they are uniform in p, in log p below, and ever coarser in log p where a
    Gaussian in x is all that is left. Where they are too many there is none.
    """
    p_low, p_high = solved_p(low, V), min(solved_p(high, V), p_cut)
    steep = radius / root_q
    fine = max(steep + 4.0, 20.0)
    scale = fine / (steep * V + rate)
    log_scale = np.log(scale)
    first = node_place(p_low, low - V * p_low, scale)
    last = node_place(p_high, np.log(p_high), scale)
    wanted = (last - first) * fine * density + 3.0
    count = int(wanted) if 3.0 < wanted < most else 0
    p, x, dx = np.empty(count), np.empty(count), np.empty(count)
    step = (last - first) / (count - 1.0)
    norm = step / (root_q * np.sqrt(2.0 * np.pi))
    for i in range(count):
        tail = np.exp(-3.0 - (first + i * step) / 6.0)
        tau = first + i * step - 6.0 * tail
        e = np.exp(tau)
        if tau < -20.0:
            # log(1 + e^τ) = e^τ (1 - e^τ/2) to rounding.
            p[i] = scale * e
            log_p = log_scale + tau - 0.5 * e
            slope = (1.0 + tail) * (1.0 - 0.5 * e)
        else:
            soft = np.log1p(e) if tau < 30.0 else tau
            p[i] = scale * soft
            log_p = log_scale + np.log(soft)
            slope = (1.0 + tail) / ((1.0 + 1.0 / e) * soft)
        x[i] = (log_p + V * p[i]) / root_q
        dx[i] = norm * (1.0 + V * p[i]) * slope
    return p, x, dx


@part
def waves(p, h, terms):
    """Return cos(h k p) - 1 and, behind, -sin(h k p) for every p and k < terms."""
    found = np.empty((p.size, 2 * terms))
    for i in range(p.size):
        re, im = 0.0, 0.0
        half = np.sin(0.5 * h * p[i])
        turn_re, turn_im = -2.0 * half * half, -np.sin(h * p[i])
        for k in range(terms):
            found[i, k], found[i, terms + k] = re, im
            re, im = (
                re + turn_re + (re * turn_re - im * turn_im),
                im + turn_im + (re * turn_im + im * turn_re),
            )
    return found


@part
def _transform(f, waves, first, x, p, shift, a, radius, gauss, weighed, sums):
    """Fill sums_jk = Σ_i f_ji e^{-(x_i + shift)²/2 - a p_i} e^{-i h k p_i}; return the first node.

    For j = 0 that is less 1, which would round off what n powers of it make large.
    """
    while first > 0 and x[first - 1] + shift > -radius:
        first -= 1
    end = first
    while end < p.size and x[end] + shift < radius:
        end += 1
    # Four nodes at once.
    first = max(min(first, p.size - 4), 0)
    count = (min(end + 3, p.size) - first) // 4 * 4
    for i in range(count):
        y = x[first + i] + shift
        gauss[i] = exponential(-0.5 * y * y - a * p[first + i])
    size = waves.shape[1]
    for j in range(6):
        total = -1.0 if j == 0 else 0.0
        for i in range(count):
            weighed[i, j] = f[j, first + i] * gauss[i]
            total += weighed[i, j]
        for k in range(size // 2):
            sums[j, k] = total
            sums[j, size // 2 + k] = 0.0
    for i in range(0, count, 4):
        for j in range(0, 6, 3):
            a0, b0, c0 = weighed[i, j], weighed[i, j + 1], weighed[i, j + 2]
            a1, b1, c1 = weighed[i + 1, j], weighed[i + 1, j + 1], weighed[i + 1, j + 2]
            a2, b2, c2 = weighed[i + 2, j], weighed[i + 2, j + 1], weighed[i + 2, j + 2]
            a3, b3, c3 = weighed[i + 3, j], weighed[i + 3, j + 1], weighed[i + 3, j + 2]
            at = first + i
            for k in range(size):
                e0, e1, e2, e3 = waves[at, k], waves[at + 1, k], waves[at + 2, k], waves[at + 3, k]
                sums[j, k] += (a0 * e0 + a1 * e1) + (a2 * e2 + a3 * e3)
                sums[j + 1, k] += (b0 * e0 + b1 * e1) + (b2 * e2 + b3 * e3)
                sums[j + 2, k] += (c0 * e0 + c1 * e1) + (c2 * e2 + c3 * e3)
    return first


@part
def _fill_power(re, im, n, square_re, square_im, power_re, power_im):
    """Fill power = (1 + z)^n for an integer n >= 0, by squares."""
    for k in range(power_re.size):
        power_re[k], power_im[k] = 1.0, 0.0
        square_re[k], square_im[k] = re[k], im[k]
    less = 1.0
    while n > 0:
        if less == 1.0 and n < _FEW:
            for k in range(power_re.size):
                square_re[k] += 1.0
            less = 0.0
        if n % 2 == 1:
            for k in range(power_re.size):
                x, y, u, v = power_re[k], power_im[k], square_re[k] + less, square_im[k]
                power_re[k], power_im[k] = x * u - y * v, x * v + y * u
        for k in range(power_re.size):
            # (1 + z)² - 1 = z² + 2 z
            x, y = square_re[k], square_im[k]
            square_re[k] = x * x - y * y + 2.0 * less * x
            square_im[k] = 2.0 * (x + less) * y
        n //= 2


@jit
def exchangeable_grid_averages(
    colors, m, q, V, t_low, t_high, t_count, bend, damping, h, series, radius, density, p_cut, most
):
    """Average over the C - 1 fields by the exchangeability of the colours.

    As `exchangeable_averages`, but that x = (log p + V p + t)/√q moves with t and with the colour
    along one grid of p: nothing but a Gaussian is computed more than once, and a depends on t.

    Parameters
    ----------
    t_low, t_high, t_count, bend : float, float, int, float
        Nodes t = t_low + (t_high - t_low) (e^{bend u} - 1)/(e^{bend} - 1), u uniform in [0, 1].
    damping : array
        The real part a of s, piecewise linear in t between equal steps.
    h, series : float, array
        Spacing of the imaginary parts of s, and their weights.
    radius, density, p_cut, most : float
        Largest x, nodes per cycle of what they resolve, the largest p, and the most nodes.

    Returns
    -------
    tuple
        E 1, E g_1, E |g|², E tr K, E log(1/p_1); NaN where there would be too many nodes.
    """
    n = colors - 1
    root_q = np.sqrt(q)
    terms = series.size
    # Where x of the masked colour is that of another one.
    apart = (m + V) / root_q
    low = min(0.0, m + V) - t_high - root_q * radius
    high = max(0.0, m + V) - t_low + root_q * radius
    p, x, dx = nodes(low, high, root_q, V, radius, h * (terms - 1), p_cut, density, most)
    if p.size == 0:
        return np.nan, np.nan, np.nan, np.nan, np.nan
    moments = np.empty((2, 6, p.size))
    other_moments(p.size, p, dx, V, moments[0])
    masked_moments(p.size, p, dx, V, moments[1])
    turning = waves(p, h, terms)
    gauss, weighed = np.empty(p.size), np.empty((p.size, 6))
    found = np.empty((2, 6, 2 * terms))
    power_re, power_im = np.empty(terms), np.empty(terms)
    square_re, square_im = np.empty(terms), np.empty(terms)
    first = np.empty(2, np.int64)
    first[0], first[1] = p.size, p.size
    phase_re, phase_im = np.empty(terms), np.empty(terms)
    for k in range(terms):
        phase_re[k], phase_im[k] = series[k] * np.cos(h * k), series[k] * np.sin(h * k)
    norm = gap = energy = response = loss = 0.0
    width, end = t_high - t_low, np.expm1(bend)
    for it in range(t_count):
        u = it / (t_count - 1.0)
        share = np.expm1(bend * u) / end
        t, dt = t_low + width * share, width * bend * np.exp(bend * u) / (end * (t_count - 1.0))
        place = share * (damping.size - 1)
        knot = min(int(place), damping.size - 2)
        a = damping[knot] + (place - knot) * (damping[knot + 1] - damping[knot])
        for which in range(2):
            shift = t / root_q - which * apart
            first[which] = _transform(
                moments[which], turning, first[which], x, p, shift, a, radius + _MARGIN,
                gauss, weighed, found[which],
            )  # fmt: skip
        others, masked = found[0], found[1]
        re, im = others[0, :terms], others[0, terms:]
        _fill_power(re, im, max(n - 2, 0), square_re, square_im, power_re, power_im)
        weight = dt * np.exp(a)
        for k in range(terms):
            i = terms + k
            e_1 = complex(1.0 + others[0, k], others[0, i])
            three = complex(power_re[k], power_im[k])
            # With two colours there are no two other ones, and n - 1 = 0 stands before `three`.
            two = three * e_1 if n > 1 else three
            terms_k = integrands(
                n, two * e_1, two, three,
                complex(others[1, k], others[1, i]), complex(others[2, k], others[2, i]),
                complex(others[3, k], others[3, i]), complex(others[4, k], others[4, i]),
                complex(others[5, k], others[5, i]), complex(1.0 + masked[0, k], masked[0, i]),
                complex(masked[1, k], masked[1, i]), complex(masked[2, k], masked[2, i]),
                complex(masked[3, k], masked[3, i]), complex(masked[4, k], masked[4, i]),
                complex(masked[5, k], masked[5, i]),
            )  # fmt: skip
            factor = complex(weight * phase_re[k], weight * phase_im[k])
            norm += (factor * terms_k[0]).real
            gap += (factor * terms_k[1]).real
            energy += (factor * terms_k[2]).real
            response += (factor * terms_k[3]).real
            loss += (factor * terms_k[4]).real
    return norm, gap, energy, response, loss
