"""Kernels of `exchangeable_race` with one grid of p for all normalisers and times."""

from __future__ import annotations

import numpy as np

from replica.jit import jit
from replica.quadrature.kernels.exchangeable import integrands, masked_moments, other_moments
from replica.quadrature.kernels.exchangeable_grid import nodes, waves
from replica.quadrature.kernels.powers import fill_power

#: Functions of another colour, and of the masked one.
FUNCTIONS, MASKED = 10, 6


@jit
def race_nodes(low, high, root_q, V, radius, h, terms, p_cut, density, most):
    """Return p, x, the functions of another and of the masked colour, and e^{-ihkp} - 1.

    The parameters are those of `exchangeable_grid_averages`. There is no node where they would be
    too many. Imaginary parts of the waves stand behind the real ones.
    """
    p, x, dx = nodes(low, high, root_q, V, radius, h * (terms - 1), p_cut, density, most)
    functions = np.empty((2, 6, p.size))
    other_moments(p.size, p, dx, V, functions[0])
    masked_moments(p.size, p, dx, V, functions[1])
    return p, x, functions, waves(p, h, terms)


@jit
def add_race_terms(n, weights, phase_re, phase_im, others, masked, sums):
    """Add E W, E W g_1, E W |g|², E W tr K, E W log(1/p_1) and E W (pull·g) of one normaliser.

    W = C π is the weight of the fields: that softmax(ν) draws the masked token.

    Parameters
    ----------
    n : int
        C - 1.
    weights : array (times,)
        Of the times of the race.
    phase_re, phase_im : arrays (terms,)
        Real and imaginary part of e^{ihk}, with the weights of the series.
    others, masked : arrays (times, 10, 2, terms) and (times, 6, 2, terms)
        Averages over one colour, real and imaginary parts: of the six functions of another one
        whose event has not occurred, of the first four of them where it now does, and of the six of
        the masked one where it does.
    sums : array (6,)
        Receives the sums.
    """
    terms = phase_re.size
    square_re, square_im = np.empty(terms), np.empty(terms)
    power_re, power_im = np.empty(terms), np.empty(terms)
    norm = gap = energy = response = loss = pull = 0.0
    for u in range(weights.size):
        re, im, own_re, own_im = others[u, :, 0], others[u, :, 1], masked[u, :, 0], masked[u, :, 1]
        fill_power(re[0], im[0], max(n - 2, 0), square_re, square_im, power_re, power_im)
        for k in range(terms):
            e_1, power = complex(re[0, k], im[0, k]), complex(power_re[k], power_im[k])
            # With two colours there are no two other ones, and n - 1 = 0 stands before `power`.
            two = power * e_1 if n > 1 else power
            e_r, m_1 = complex(re[1, k], im[1, k]), complex(own_re[0, k], own_im[0, k])
            m_r, m_u = complex(own_re[1, k], own_im[1, k]), complex(own_re[2, k], own_im[2, k])
            m_ur = complex(own_re[3, k], own_im[3, k])
            found = integrands(
                n, two * e_1, two, power, e_r, complex(re[2, k], im[2, k]),
                complex(re[3, k], im[3, k]), complex(re[4, k], im[4, k]),
                complex(re[5, k], im[5, k]), m_1, m_r, m_u, m_ur,
                complex(own_re[4, k], own_im[4, k]), complex(own_re[5, k], own_im[5, k]),
            )  # fmt: skip
            # The pull moves weight between the masked colour and each other: g_1 - g_a.
            d_1, d_r = complex(re[6, k], im[6, k]), complex(re[7, k], im[7, k])
            d_p, d_pr = complex(re[8, k], im[8, k]), complex(re[9, k], im[9, k])
            pair = m_ur * d_1 + m_u * d_r + m_r * d_p + m_1 * d_pr
            rest = (m_u * d_1 + m_1 * d_p) * ((n - 1) * e_r)
            factor = complex(weights[u] * phase_re[k], weights[u] * phase_im[k])
            norm += (factor * found[0]).real
            gap += (factor * found[1]).real
            energy += (factor * found[2]).real
            response += (factor * found[3]).real
            loss += (factor * found[4]).real
            pull += (factor * n * (pair * two + rest * power)).real
    sums[0] += norm
    sums[1] += gap
    sums[2] += energy
    sums[3] += response
    sums[4] += loss
    sums[5] += pull
