"""What the theory knows of whole sequences, of which all sites are predicted in turn."""

from __future__ import annotations

from dataclasses import dataclass

from replica.arrays import Vector
from replica.spectra.population import Population


@dataclass(frozen=True, eq=False)
class WholeSequences:
    """The covariance of whole sequences, the true matrix beside it, and patterns in both.

    A pattern of strength θ is a term (θ/L) v vᵀ, |v|² = L, beside the couplings' semicircle.

    Attributes
    ----------
    population : Population
        The law of the eigenvalues of G, the covariance of one colour over all sites.
    values, weights : arrays (nodes,)
        <f(G)> = Σ weights f(values), as of a row.
    observed : int
        Independent colours, each of which observes all sites once.
    true : array (nodes,), optional
        Eigenvalues of A*, the true matrix, beside those of G; None where there is none.
    pattern : float, optional
        The strength of a planted pattern, 0 if there is none; None where none can be planted.
    uniform : float
        The strength that the direction (1, …, 1) has in G, by the last term of (4).
    """

    population: Population
    values: Vector
    weights: Vector
    observed: int
    true: Vector | None = None
    pattern: float | None = None
    uniform: float = 0.0
