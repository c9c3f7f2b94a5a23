"""The spectrum of the cavity covariance, as the few averages over it that the theory needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache, singledispatch

import numpy as np

from replica.arguments import refusal
from replica.arrays import Matrix, Vector
from replica.colour_modes import colour_modes
from replica.data import CustomTokens, DataModel, GaussianTokens, IndependentTokens, PottsTokens

#: The b up to which two million nodes of the spectrum are enough.
_STRONGEST = 0.99999


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
    def rho(self) -> Vector:
        """ρ_k = u_k² w*ᵀ G_k w*, the overlap of the true row with itself in each mode."""
        return np.asarray(self.scales * (self.covariances @ self.teacher))

    @cached_property
    def teacher_norm2(self) -> float:
        """|w*|², the squared norm of the teacher row."""
        return float(self.teacher.sum())


@singledispatch
def spectrum_of(data: DataModel) -> Spectrum:
    """Return the spectrum of the cavity covariance of these data."""
    raise TypeError(f"no spectrum is known for {type(data).__name__}")


@spectrum_of.register
@lru_cache(maxsize=64)
def _(data: PottsTokens) -> Spectrum:
    """G_k = [(1 + b_k²) I - b_k J]^{-1} / C, b_k = u_k b, J with the semicircle law."""
    values = colour_modes(data).values
    b = data.b * values[:, None]
    strongest = float(np.abs(b).max())
    if strongest > _STRONGEST:
        raise refusal("beta", data.beta, f"such that |b| is {_STRONGEST} or less for the theory")
    eigenvalues, weights = semicircle(strongest)
    covariances = 1.0 / (data.colors * (1.0 + b * b - b * eigenvalues))
    return Spectrum(covariances, weights, data.teacher_norm2 * weights, values**2)


@spectrum_of.register
@lru_cache(maxsize=64)
def _(data: IndependentTokens) -> Spectrum:
    """G = I/C."""
    one = np.ones(1)
    return Spectrum(one[None, :] / data.colors, one, data.coupling_norm**2 * one, one)


@spectrum_of.register
@lru_cache(maxsize=64)
def _(data: GaussianTokens) -> Spectrum:
    """Eigenvalues 1/(κ + x), x with the semicircle law, and |w*|² = 1/κ².

    In whole sequences the masked site correlates the others along w*, whose share in an
    eigenvalue is then 1/(κ² + 1 + κx).
    """
    # κ + x = b (b + 1/b + x) at the b whose ellipse touches the pole.
    b = 0.5 * (data.shift - math.sqrt(data.shift**2 - 4.0))
    if b > _STRONGEST:
        least = _STRONGEST + 1.0 / _STRONGEST
        raise refusal("shift", data.shift, f"{least:.11g} or greater for the theory")
    eigenvalues, weights = semicircle(b)
    covariances = 1.0 / (data.shift + eigenvalues)
    lean = 1.0 + data.shift * eigenvalues if data.joint else 0.0
    teacher = weights / (data.shift**2 + lean)
    return Spectrum(covariances[None, :], weights, teacher, np.ones(1))


@spectrum_of.register
def _(data: CustomTokens) -> Spectrum:
    return Spectrum(data.eigenvalues[None, :], data.weights, data.teacher, np.ones(1))


def semicircle(b: float) -> tuple[Vector, Vector]:
    """Return nodes and weights for averages over the semicircle law on [-2, 2].

    Gauss's rule for this law. Every integrand has its nearest pole at or beyond b + 1/b, so
    the error falls as b^{2n}; the number n of nodes brings it to rounding.
    """
    digits = 40.0
    n = 24 + (math.ceil(digits / (-2.0 * math.log(b))) if b > 0 else 0)
    angle = np.arange(1, n + 1) * np.pi / (n + 1)
    return 2.0 * np.cos(angle), 2.0 / (n + 1) * np.sin(angle) ** 2
