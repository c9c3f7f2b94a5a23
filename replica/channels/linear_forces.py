"""The channel side of a training with the squared error: forces linear in the fields."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.quadrature.field_law import FieldLaw


class Moments(NamedTuple):
    """Second moments of e y - ω, quadratic in e and m, per colour mode.

    E |P_k (e y - ω)|² = e² square + e m cross + m² own + q noise, and E pull·P_k (e y - ω)
    = e pull + m tilt.
    """

    square: Vector
    cross: Vector
    own: Vector
    noise: Vector
    pull: Vector
    tilt: Vector


def moments_of(law: FieldLaw) -> Moments:
    """Return the second moments of a law, from its residuals at a few order parameters."""
    one = np.ones(len(law.dimensions))
    nothing = 0.0 * one
    none, above, below = (law.residual(m, nothing, 1.0) for m in (nothing, one, -one))
    noisy = law.residual(nothing, one, 1.0).square - none.square
    cross, own = (above.square - below.square) / 2, (above.square + below.square) / 2 - none.square
    return Moments(none.square, cross, own, noisy, none.pull, above.pull - none.pull)


class LinearForces:
    """g_t = e_t y - h_t, h_t = ω_t + Σ_{s<t} R(t, s) g_s: with K = (1 + R)^{-1} g = K (e y - ω).

    Attributes
    ----------
    kernels : array (modes, steps, steps)
        K of every mode.
    energy : array (modes, steps, steps)
        E P_k g_t·g_s.
    """

    def __init__(self, law: FieldLaw, steps: int) -> None:
        self._moments, self._dimensions = moments_of(law), law.dimensions
        modes = len(law.dimensions)
        self.kernels = np.zeros((modes, steps, steps))
        self.energy = np.zeros((modes, steps, steps))
        self._moment = np.zeros((modes, steps, steps))
        self._pull = np.zeros((modes, steps))

    def answer(
        self, t: int, drive: float, drives: Vector, m: Matrix, memory: Matrix, overlap: Matrix
    ) -> tuple[Vector, Matrix, Matrix]:
        """Return E y·P_k g_t, E tr P_k ∂g_t/∂ξ_s and E P_k g_t·g_s.

        Parameters
        ----------
        t : int
            The step.
        drive, drives : float, array (t + 1,)
            e_t, and e_s up to it.
        m, memory, overlap : arrays (modes, ...)
            m_s (t + 1), R(t, s) (t) and Q(t, s) (t + 1).
        """
        known, x = slice(0, t + 1), self._moments
        K = self.kernels
        K[:, t, :t] = -np.einsum("ks,ksv->kv", memory, K[:, :t, :t])
        K[:, t, t] = 1.0
        moment = (
            x.square[:, None] * drive * drives
            + x.cross[:, None] / 2 * (drive * m + m[:, -1:] * drives)
            + x.own[:, None] * m[:, -1:] * m
            + x.noise[:, None] * overlap
        )
        self._moment[:, t, known] = self._moment[:, known, t] = moment
        self._pull[:, t] = drive * x.pull + m[:, -1] * x.tilt
        row = K[:, t, known]
        pulls = np.sum(row * self._pull[:, known], axis=1)
        weighted = np.einsum("ks,ksv->kv", row, self._moment[:, known, known])
        energy = np.einsum("ksv,kv->ks", K[:, known, known], weighted)
        self.energy[:, t, known] = self.energy[:, known, t] = energy
        return pulls, -self._dimensions[:, None] * row, energy
