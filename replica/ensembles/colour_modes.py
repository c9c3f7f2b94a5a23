"""The modes in which a colour similarity acts on fields."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.memory import kept
from replica.problem import PottsTokens
from replica.problem.similarity import distinctions
from replica.quadrature.point_sets import complement

#: Eigenvalues that differ by less than this, relative to the largest, are one.
_SAME = 1e-9


class ColourModes(NamedTuple):
    """U = Σ_k u_k P_k on the subspace orthogonal to 1.

    Attributes
    ----------
    values : array (modes,)
        The distinct eigenvalues u_k, in increasing order.
    dimensions : int array (modes,)
        The dimension of each eigenspace.
    """

    values: Vector
    dimensions: NDArray[np.int64]

    @property
    def one(self) -> bool:
        """Whether U acts as one number other than 0: then U = I describes the fields."""
        return len(self.values) == 1 and self.values[0] != 0.0


@kept()
def colour_modes(data: PottsTokens) -> ColourModes:
    """Return the modes of the similarity; U = I has one, of eigenvalue 1."""
    if data.similarity is None:
        return ColourModes(np.ones(1), np.array([data.colors - 1]))
    values, bases = eigenspaces(data)
    return ColourModes(values, np.array([len(basis) for basis in bases]))


def eigenspaces(data: PottsTokens) -> tuple[Vector, tuple[Matrix, ...]]:
    """Return the eigenvalues of a similarity, and a basis (d_k, colors) of each eigenspace.

    The vectors of a basis, one per row, are orthonormal and orthogonal to 1.
    """
    rest = complement(data.colors).T
    apart, rounding = distinctions(np.array(data.similarity))
    values, vectors = np.linalg.eigh(rest.T @ apart @ rest)
    tolerance = _SAME * float(np.abs(values).max()) + rounding
    values[np.abs(values) <= tolerance] = 0.0
    starts = np.flatnonzero(np.diff(values, prepend=-np.inf) > tolerance)
    bases = np.split((rest @ vectors).T, starts[1:])
    distinct = np.array([group.mean() for group in np.split(values, starts[1:])])
    return distinct, tuple(np.ascontiguousarray(basis) for basis in bases)
