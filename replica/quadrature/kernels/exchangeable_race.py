"""Kernel of the cross-entropy of exchangeable colours where softmax(ν) draws the masked one."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit
from replica.quadrature.kernels.exchangeable import (
    MOST_NODES,
    add_terms,
    colour_nodes,
    masked_moments,
    other_moments,
    transform,
)


@inlined
def _weigh(count, p, w, V, shift, root_q, share, u, v_first, v_step, laplace, slope, out):
    """Fill w Ψ(u + share x) and -w Ψ'(u + share x), by splines, and return their sums."""
    last = laplace.shape[0] - 1
    one = two = 0.0
    for i in range(count):
        x = (np.log(max(p[i], 1e-300)) + V * p[i] - shift) / root_q
        place = (u + share * x - v_first) / v_step
        j = min(max(int(place), 0), last)
        d = (place - j) * v_step
        c, e = laplace[j], slope[j]
        out[0, i] = w[i] * (((c[0] * d + c[1]) * d + c[2]) * d + c[3])
        out[1, i] = -w[i] * (((e[0] * d + e[1]) * d + e[2]) * d + e[3])
        one += out[0, i]
        two += out[1, i]
    return one, two


@jit
def exchangeable_race_averages(
    colors, share, q, V, t_low, t_high, t_count, a, h, series, radius, density,
    u_first, u_step, u_count, v_first, v_step, laplace, slope,
):  # fmt: skip
    """Average over fields √q x with the weight of a token drawn from softmax(share x + noise).

    As `exchangeable_averages`; at given time u of the exponential race that draws it every other
    colour has the further weight Ψ(u + share x), the masked one -Ψ'.

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
    size = 200 + int(min(density * (2.0 * radius**2 + 1300.0 + rate * min(p_cut, 3.0)), MOST_NODES))
    p, w = np.empty(size), np.empty(size)
    p1, w1 = np.empty(size), np.empty(size)
    weighed, weighed1 = np.empty((2, size)), np.empty((2, size))
    z = np.empty((4, size))
    f = np.empty((6, size))
    Ar, Ai = np.empty((6, terms)), np.empty((6, terms))
    Br, Bi = np.empty((6, terms)), np.empty((6, terms))
    Dr, Di = np.empty((6, terms)), np.empty((6, terms))
    sums, gap = np.zeros(5), 0.0
    step = (t_high - t_low) / (t_count - 1)
    for it in range(t_count):
        t = t_low + it * step
        count = colour_nodes(-t, root_q, V, radius, rate, p_cut, density, p, w)
        count1 = colour_nodes(V - t, root_q, V, radius, rate, p_cut, density, p1, w1)
        if count < 0 or count1 < 0:
            return np.nan, np.nan, np.nan, np.nan, np.nan
        for iu in range(u_count):
            u = u_first + iu * u_step
            other, _ = _weigh(
                count, p, w, V, -t, root_q, share, u, v_first, v_step, laplace, slope, weighed
            )
            _, first = _weigh(
                count1, p1, w1, V, V - t, root_q, share, u, v_first, v_step,
                laplace, slope, weighed1,
            )  # fmt: skip
            if not max(other, 0.0) ** n * first > 1e-17:
                continue
            other_moments(count, p, weighed[0], V, f)
            transform(count, p, f, a, h, terms, Ar, Ai, z)
            other_moments(count, p, weighed[1], V, f)
            transform(count, p, f, a, h, terms, Dr, Di, z)
            masked_moments(count1, p1, weighed1[1], V, f)
            transform(count1, p1, f, a, h, terms, Br, Bi, z)
            for k in range(terms):
                e_1 = complex(Ar[0, k], Ai[0, k])
                e_r = complex(Ar[1, k], Ai[1, k])
                d_1 = complex(Dr[0, k], Di[0, k])
                d_r = complex(Dr[1, k], Di[1, k])
                d_p = complex(Dr[2, k], Di[2, k])
                d_pr = complex(Dr[3, k], Di[3, k])
                m_1 = complex(Br[0, k], Bi[0, k])
                m_r = complex(Br[1, k], Bi[1, k])
                m_u = complex(Br[2, k], Bi[2, k])
                m_ur = complex(Br[3, k], Bi[3, k])
                three = e_1 ** (n - 2) if n > 2 else complex(1.0 if n == 2 else 0.0, 0.0)
                two = three * e_1 if n > 1 else complex(1.0, 0.0)
                one = two * e_1
                factor = np.exp(complex(a, h * k)) * series[k]
                add_terms(sums, factor, n, one, two, three, m_1, Ar, Ai, Br, Bi, k)
                # The pull moves weight between the masked colour and each other: g_1 - g_a.
                pair = (m_ur * d_1 + m_u * d_r + m_r * d_p + m_1 * d_pr) * two
                rest = (m_u * d_1 + m_1 * d_p) * ((n - 1) * e_r * three)
                gap += (factor * n * (pair + rest)).real
    norm, _, energy, response, loss = colors * step * u_step * sums
    return norm, colors * step * u_step * gap, energy, response, loss
