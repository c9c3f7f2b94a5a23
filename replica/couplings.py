"""The coupling side of the saddle point: from the channel's response to the overlaps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.jit import jit
from replica.spectrum import Spectrum


class Overlaps(NamedTuple):
    """Order parameters of the fields, one entry per colour mode, and norms of the row.

    m_k = u_k² w*ᵀ G_k w, q_k = u_k² wᵀ G_k w and V_k, the local variance; r = w*·w, n = |w|².
    """

    m: NDArray[np.float64]
    q: NDArray[np.float64]
    V: NDArray[np.float64]
    r: float
    n: float


class Conjugates(NamedTuple):
    """Conjugate order parameters m̂, q̂, V̂, one entry per colour mode."""

    m: NDArray[np.float64]
    q: NDArray[np.float64]
    V: NDArray[np.float64]


def overlaps(conjugates: Conjugates, lam: float, spectrum: Spectrum) -> Overlaps:
    """Return the overlaps at given conjugates (THEORY.md, coupling equations)."""
    m, q, V, norms = _overlaps(
        *conjugates, lam, spectrum.covariances, spectrum.weights, spectrum.teacher, spectrum.scales
    )
    return Overlaps(m, q, V, norms[0], norms[1])


@jit
def _overlaps(m_hat, q_hat, V_hat, lam, G, weights, teacher, scales):
    """With D = λ + Σ V̂_k u_k² G_k, S = Σ m̂_k u_k² G_k and Q = Σ q̂_k u_k² G_k:

    V_k = u_k² <G_k/D>, m_k = u_k² <G_k S/D>_*, q_k = u_k² (<G_k S²/D²>_* + <G_k Q/D²>),
    where < > averages over the spectrum and < >_* over the teacher's share in it.
    """
    modes, nodes = G.shape
    m = np.zeros(modes)
    q = np.zeros(modes)
    V = np.zeros(modes)
    norms = np.zeros(2)
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
    return m, q, V, norms
