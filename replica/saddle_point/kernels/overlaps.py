"""Kernel of the coupling equations of a spectrum."""

from __future__ import annotations

import numpy as np

from replica.jit import inlined, jit


@jit
def spectral_overlaps(conjugates, lam, G, weights, teacher, scales, found):
    """Write m, q, V, w*·w and |w|² first into an array (THEORY.md, equation 7)."""
    modes, nodes = G.shape
    for k in range(3 * modes + 2):
        found[k] = 0.0
    for i in range(nodes):
        D = lam
        S = Q = 0.0
        for k in range(modes):
            scaled = scales[k] * G[k, i]
            D += conjugates[k] * scaled
            S += conjugates[modes + k] * scaled
            Q += conjugates[2 * modes + k] * scaled
        signal = teacher[i] * S / D
        square = (teacher[i] * S * S + weights[i] * Q) / (D * D)
        for k in range(modes):
            scaled = scales[k] * G[k, i]
            found[k] += scaled * signal
            found[modes + k] += scaled * square
            found[2 * modes + k] += scaled * weights[i] / D
        found[3 * modes] += signal
        found[3 * modes + 1] += square


@inlined
def one_mode_overlaps(x, lam, spectrum, order):
    """Write the same of one mode at the logarithms of V̂, m̂ and q̂, without loops over modes.

    `spectrum` has the nodes of u² G, their weights, and those of the teacher.
    """
    G, weights, teacher = spectrum
    V_hat, m_hat, q_hat = np.exp(x[0]), np.exp(x[1]), np.exp(x[2])
    m = q = V = overlap = norm2 = 0.0
    for i in range(G.size):
        D = lam + V_hat * G[i]
        signal = teacher[i] * m_hat * G[i] / D
        square = (signal * m_hat * G[i] + weights[i] * q_hat * G[i] / D) / D
        m += G[i] * signal
        q += G[i] * square
        V += G[i] * weights[i] / D
        overlap += signal
        norm2 += square
    order[0], order[1], order[2], order[3], order[4] = m, q, V, overlap, norm2
