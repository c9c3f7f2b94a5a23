"""Kernel of the coupling equations of a spectrum."""

from __future__ import annotations

import numpy as np

from replica.jit import jit


@jit
def spectral_overlaps(conjugates, lam, G, weights, teacher, scales):
    """Return m, q, V, w*·w and |w|² as one array: every array costs more than its content."""
    modes, nodes = G.shape
    found = np.zeros(3 * modes + 2)
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
    return found
