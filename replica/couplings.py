"""The coupling side of the saddle point: from the channel's response to the overlaps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replica.arrays import Vector
from replica.jit import jit
from replica.spectrum import Spectrum


class Overlaps(NamedTuple):
    """Order parameters of the fields, one entry per colour mode, and norms of the row.

    m_k = u_k² w*ᵀ G_k w, q_k = u_k² wᵀ G_k w and V_k, the local variance; r = w*·w, n = |w|².
    """

    m: Vector
    q: Vector
    V: Vector
    r: float
    n: float


class Conjugates(NamedTuple):
    """Conjugate order parameters m̂, q̂, V̂, one entry per colour mode."""

    m: Vector
    q: Vector
    V: Vector


def overlaps(conjugates: Vector, lam: float, spectrum: Spectrum) -> Overlaps:
    """Return the overlaps at given V̂, m̂ and q̂, one after the other (THEORY.md, section 4)."""
    found = _overlaps(
        conjugates, lam, spectrum.covariances, spectrum.weights, spectrum.teacher, spectrum.scales
    )
    modes = len(spectrum.scales)
    m, q, V = found[:modes], found[modes : 2 * modes], found[2 * modes : 3 * modes]
    return Overlaps(m, q, V, found[-2], found[-1])


@jit
def _overlaps(conjugates, lam, G, weights, teacher, scales):
    """With D = λ + Σ V̂_k u_k² G_k, S = Σ m̂_k u_k² G_k and Q = Σ q̂_k u_k² G_k:

    V_k = u_k² <G_k/D>, m_k = u_k² <G_k S/D>_*, q_k = u_k² (<G_k S²/D²>_* + <G_k Q/D²>),
    where < > averages over the spectrum and < >_* over the teacher's share in it. They are
    returned as one array m, q, V, w*·w, |w|²: every array costs more than its content.
    """
    modes, nodes = G.shape
    V_hat = conjugates[:modes]
    m_hat = conjugates[modes : 2 * modes]
    q_hat = conjugates[2 * modes :]
    found = np.zeros(3 * modes + 2)
    m = found[:modes]
    q = found[modes : 2 * modes]
    V = found[2 * modes : 3 * modes]
    norms = found[3 * modes :]
    for i in range(nodes):
        D = lam
        S = Q = 0.0
        for k in range(modes):
            scaled = scales[k] * G[k, i]
            D += V_hat[k] * scaled
            S += m_hat[k] * scaled
            Q += q_hat[k] * scaled
        signal = teacher[i] * S / D
        square = (teacher[i] * S * S + weights[i] * Q) / (D * D)
        for k in range(modes):
            scaled = scales[k] * G[k, i]
            V[k] += scaled * weights[i] / D
            m[k] += scaled * signal
            q[k] += scaled * square
        norms[0] += signal
        norms[1] += square
    return found
