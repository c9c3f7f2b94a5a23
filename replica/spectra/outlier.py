"""Eigenvalues that stand out of the spectrum of a sample covariance."""

from __future__ import annotations

from typing import NamedTuple

from replica.spectra.population import Population
from replica.spectra.silverstein import inverse


class Outlier(NamedTuple):
    """An eigenvalue of a random matrix beyond its bulk.

    Attributes
    ----------
    eigenvalue : float
        Of S = (1/L) Σ x xᵀ, or of a matrix with noise beside it (`NoisyMap`); where none stands
        out, the edge of the bulk.
    overlap : float
        The squared overlap of its eigenvector with that of G; 0 where none stands out.
    """

    eigenvalue: float
    overlap: float


def outlier(population: Population, ratio: float, value: float, edge: float) -> Outlier:
    """Return what one eigenvalue of G beyond all others becomes of γL samples.

    S has an eigenvalue at z(h) where h is that of G and z' > 0 (Baik, Ben Arous & Péché), with the
    overlap h z'/z of the residue of (S - z)^{-1} ≃ (V̂G - z)^{-1}.

    Parameters
    ----------
    population : Population
        The other eigenvalues.
    ratio, value, edge : float
        γ, the eigenvalue of G, and the edge of the bulk of S on its side.
    """
    place, slope = inverse(population, ratio, value)
    if not (slope > 0.0 and place > 0.0):
        return Outlier(edge, 0.0)
    return Outlier(float(place), float(value * slope / place))


def threshold_ratio(population: Population, value: float) -> float:
    """Return the γ from which on an eigenvalue of G stands out of S: <G²/(h - G)²> at it."""
    return float(-population.pull(value)[1])
