"""The saddle-point equations by name: what the two sides exchange, and V̂, m̂ and q̂.

The coupling equations, for m, q and V, are in `replica.saddle_point.couplings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from replica.arrays import Matrix, Vector
from replica.quadrature.rule import Averages


class Overlaps(NamedTuple):
    """Order parameters of the fields, one entry per colour mode, and norms of the row.

    m_k = u_k² w*ᵀ G_k w, q_k = u_k² wᵀ G_k w and V_k, the local variance;
    teacher_overlap = w*·w, norm2 = |w|². Where colours are not alike m has a vector of colours for
    each masked token, the mean field, and q and V a matrix, covariance and local variance. Where
    m, q and V are those of masked contexts, `full` has those of full ones.
    """

    m: Vector
    q: Vector
    V: Vector
    teacher_overlap: float
    norm2: float
    full: Overlaps | None = None


class Conjugates(NamedTuple):
    """Conjugate order parameters m̂, q̂, V̂, of the shapes of m, q, V."""

    m: Vector
    q: Vector
    V: Vector


def conjugates_of(average: Averages, alpha: float) -> Conjugates:
    """Return what the channel answers to overlaps (THEORY.md, equation 8).

    m̂ = α E y·g,   q̂ = α E |g|²,   V̂ = -α E tr ∂g/∂ω.
    """
    m_hat = alpha * average.overlap
    q_hat = alpha * average.energy
    V_hat = alpha * average.response
    return Conjugates(m_hat, q_hat, V_hat)


class CouplingEquations(Protocol):
    """What a saddle point asks of the law of a row's context: the equations for m, q and V.

    They also choose the shapes of the order parameters, one entry per colour mode or matrices of
    colours, and the coordinates in which the fixed point is searched for: logarithms, where all
    conjugates are positive as under a spectrum, or others.
    """

    @property
    def many(self) -> bool:
        """Whether there are too many coordinates for a derivative by differences."""

    @property
    def teacher_norm2(self) -> float:
        """|w*|²."""

    @property
    def unit(self) -> float:
        """The weight decay at which w is about 1 in the unit of the inputs; a power of 2."""

    @property
    def untrained(self) -> Overlaps:
        """The overlaps of the row w = 0 without any local variance."""

    @property
    def origin(self) -> Vector:
        """The coordinates where plain iteration begins."""

    def admits(self, order: Overlaps, largest_q: float) -> bool:
        """Tell whether fields have these overlaps, and a q below the largest."""

    def change(self, gap: Vector) -> float:
        """Return the largest relative change of a conjugate across a gap of the coordinates."""

    def weaker(self, x: Vector) -> Vector:
        """Return the coordinates of the same q̂ and V̂ with a smaller m̂."""

    def coordinates(
        self, conjugates: Conjugates, order: Overlaps | None = None, least: float = 0.0
    ) -> Vector:
        """Return the coordinates of conjugates, NaN where they have none.

        They may depend on the overlaps that the conjugates answer to. With `least` what is
        smaller, or has no coordinate, counts as this.
        """

    def conjugates(self, x: Vector, lam: float) -> Conjugates:
        """Return the conjugates at coordinates x and weight decay λ."""

    def overlaps(self, x: Vector, lam: float) -> Overlaps:
        """Return the overlaps at coordinates x and weight decay λ."""

    def objective(self, conjugates: Conjugates, lam: float) -> float:
        """Return -2 min_w of what is left of the objective at given multipliers."""

    def told(self, order: Overlaps) -> Mapping[str, float]:
        """Return the numbers m, q and V that a table has in the place of matrices."""

    def spread(self, V_hat: Vector, lam: float) -> Matrix:
        """Return how a difference of q̂_l enters q_k of two replicas, at fixed V̂."""
