"""The spectrum of the cavity covariance, as the few averages over it that the theory needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from replica.arrays import Matrix, Vector

#: The b up to which two million nodes of the spectrum are enough.
STRONGEST = 0.99999


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A quadrature rule for averages over the eigenvalues of the cavity covariances G_k.

    All G_k are functions of one matrix, so one rule serves them all:
    tr f(G) / L = Σ_i weights_i f(G_i) and w*ᵀ f(G) w* = Σ_i teacher_i f(G_i).

    Attributes
    ----------
    covariances : array (modes, nodes)
        Eigenvalues of G_k, one row per colour mode.
    weights, teacher : arrays (nodes,)
        Share of each node in the spectrum, and in the squared norm of the teacher row w*.
    scales : array (modes,)
        u_k², the squared eigenvalue of the colour similarity.
    """

    covariances: Matrix
    weights: Vector
    teacher: Vector
    scales: Vector

    @property
    def scaled(self) -> Matrix:
        """u_k² G_k, the covariances of the fields, an array (modes, nodes)."""
        return np.asarray(self.scales[:, None] * self.covariances)

    @property
    def rho(self) -> Vector:
        """ρ_k = u_k² w*ᵀ G_k w*, the overlap of the true row with itself in each mode."""
        return np.asarray(self.scales * (self.covariances @ self.teacher))

    @cached_property
    def teacher_norm2(self) -> float:
        """|w*|², the squared norm of the teacher row."""
        return float(self.teacher.sum())


def semicircle(b: float) -> tuple[Vector, Vector]:
    """Return nodes and weights for averages over the semicircle law on [-2, 2].

    Gauss's rule for this law. Every integrand has its nearest pole at or beyond b + 1/b, so
    the error falls as b^{2n}; the number n of nodes brings it to rounding.
    """
    digits = 40.0
    n = 24 + (math.ceil(digits / (-2.0 * math.log(b))) if b > 0 else 0)
    angle = np.arange(1, n + 1) * np.pi / (n + 1)
    return 2.0 * np.cos(angle), 2.0 / (n + 1) * np.sin(angle) ** 2
