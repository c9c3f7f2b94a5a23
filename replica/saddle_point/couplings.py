"""The coupling side of the saddle point: from the conjugates to m, q and V."""

from __future__ import annotations

import numpy as np

from replica.arrays import Matrix, Vector
from replica.ensembles.spectrum import Spectrum
from replica.jit import jit
from replica.saddle_point.equations import Conjugates, Overlaps


class SpectralCouplings:
    """The coupling equations of a spectrum (THEORY.md, equation 7).

    With D = λ + Σ V̂_k u_k² G_k, S = Σ m̂_k u_k² G_k and Q = Σ q̂_k u_k² G_k

        m_k = u_k² <G_k S/D>_*,   q_k = u_k² (<G_k S²/D²>_* + <G_k Q/D²>),   V_k = u_k² <G_k/D>,

    where < > averages over the spectrum and < >_* over the teacher's share in it. All three
    conjugates are positive, and follow powers of λ and of the distance from the threshold, so
    their logarithms are the coordinates; V̂ stands first, which the rounding of Newton's steps
    follows, and nothing else knows the order.
    """

    def __init__(self, spectrum: Spectrum) -> None:
        self.spectrum = spectrum
        self.teacher_norm2 = spectrum.teacher_norm2

    def coordinates(self, conjugates: Conjugates, least: float = 0.0) -> Vector:
        """Return the logarithms; NaN where a conjugate is not positive, unless `least` is."""
        values = np.concatenate((conjugates.V, conjugates.m, conjugates.q))
        if least:
            values = np.maximum(values, least)
        elif not min(values.tolist()) > 0.0:
            return np.full_like(values, np.nan)
        return np.asarray(np.log(values))

    def conjugates(self, x: Vector) -> Conjugates:
        """Return the conjugates at coordinates x."""
        V_hat, m_hat, q_hat = np.exp(x).reshape(3, -1)
        return Conjugates(m_hat, q_hat, V_hat)

    def overlaps(self, x: Vector, lam: float) -> Overlaps:
        """Return the overlaps at coordinates x."""
        s = self.spectrum
        found = _overlaps(np.exp(x), lam, s.covariances, s.weights, s.teacher, s.scales)
        modes = len(s.scales)
        m, q, V = found[:modes], found[modes : 2 * modes], found[2 * modes : 3 * modes]
        return Overlaps(m, q, V, found[-2], found[-1])

    def objective(self, conjugates: Conjugates, lam: float) -> float:
        """Return <S²/D>_* + <Q/D>, minus twice the least of equation (5)."""
        scaled = self.spectrum.scaled
        D = lam + conjugates.V @ scaled
        S = conjugates.m @ scaled
        Q = conjugates.q @ scaled
        return float(self.spectrum.teacher @ (S * S / D) + self.spectrum.weights @ (Q / D))

    def spread(self, V_hat: Vector, lam: float) -> Matrix:
        """Return <u_k² G_k u_l² G_l/D²> for every pair of modes."""
        scaled = self.spectrum.scaled
        resolvents = scaled / (lam + V_hat @ scaled)
        return np.asarray((resolvents * self.spectrum.weights) @ resolvents.T)


def coupling_error(teacher_norm2: float, teacher_overlap: float, norm2: float) -> float:
    """Return |w - w*|²/|w*|² from |w*|², w*·w and |w|²; NaN for a vanishing teacher."""
    if teacher_norm2 == 0.0:
        return float("nan")
    # Beside couplings like 1e-160 it overflows to infinity, in numpy's numbers with a warning.
    return float(teacher_norm2 - 2.0 * teacher_overlap + norm2) / float(teacher_norm2)


@jit
def _overlaps(conjugates, lam, G, weights, teacher, scales):
    """Return m, q, V, w*·w and |w|² as one array: every array costs more than its content."""
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
