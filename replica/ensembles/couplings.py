"""The spectra of couplings, and of what a row sees of the others', as one set of nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from replica.arrays import Vector
from replica.ensembles.spectrum import STRONGEST, semicircle
from replica.problem import PottsTokens
from replica.problem.coupling_laws import GaussianCouplings, HopfieldCouplings, OrthogonalCouplings
from replica.validation import invalid

#: Up to this many patterns per site the pole of the weights at x = -γ is left to a node there.
_NEAR_SQUARE = 1.05


class Nodes(NamedTuple):
    """A quadrature rule for the eigenvalues x of J.

    Attributes
    ----------
    eigenvalues : array (nodes,)
        The nodes x.
    weights, row : arrays (nodes,)
        Their shares in the spectrum of J, and in |J_i|² of a row, by its projections on the
        eigenvectors of the couplings without site i. By Schur's complement
        Σ row_k/(ζ - x_k) = ζ - 1/Σ weights_k/(ζ - x_k).
    prior : array (nodes,) or float
        The variance of such projections, L times and in units of |J_i|², where they are Gaussian
        given the other couplings.
    """

    eigenvalues: Vector
    weights: Vector
    row: Vector
    prior: Any


def nodes_of(data: PottsTokens, b: Vector) -> Nodes:
    """Return nodes that average the covariances of modes with these b = βu/C to rounding."""
    law = data.coupling_law
    return _NODES[type(law)](law, b, data)


def _gaussian_nodes(law: GaussianCouplings, b: Vector, data: PottsTokens) -> Nodes:
    """The semicircle; a row is independent of the other couplings."""
    eigenvalues, weights = semicircle(_carried(float(np.abs(b).max()), data))
    return Nodes(eigenvalues, weights, weights, 1.0)


def _orthogonal_nodes(law: OrthogonalCouplings, b: Vector, data: PottsTokens) -> Nodes:
    """Two eigenvalues; J J = I puts a row where the other couplings have their only other one."""
    half, none = 0.5, 0.0
    eigenvalues = np.array([-1.0, 0.0, 1.0])
    return Nodes(eigenvalues, np.array([half, none, half]), np.array([none, 1.0, none]), np.nan)


def _hopfield_nodes(law: HopfieldCouplings, b: Vector, data: PottsTokens) -> Nodes:
    """Marchenko and Pastur's law of x + γ = 1 + γ + √γ y, and a row of semicircle law in y.

    The weights of y are those of the semicircle times γ/(x + γ), whose pole at x = -γ is that of
    couplings without a pattern. A node there, with the weight that the others lack, takes the
    place of both.
    """
    gamma, root = law.ratio, np.sqrt(law.ratio)
    # The pole of the covariances, in y, is that of a semicircle's with this b.
    strongest = _carried(float(np.abs(root * b / (1.0 - b)).max()), data)
    several = gamma > _NEAR_SQUARE
    y, row = semicircle(max(strongest, 1.0 / root) if several else strongest)
    patterns = 1.0 + gamma + root * y
    weights, row = gamma * row / patterns, gamma * row
    if not several:
        patterns, row = np.append(patterns, 0.0), np.append(row, 0.0)
        weights = np.append(weights, 1.0 - weights.sum())
    return Nodes(patterns - gamma, weights, row, patterns / gamma)


def _carried(strongest: float, data: PottsTokens) -> float:
    """Return the b of a semicircle of as near a pole, if a number of nodes reaches it."""
    if strongest > STRONGEST:
        share = "|b|" if data.couplings == GaussianCouplings.text else "b²R'(b)"
        raise invalid("beta", data.beta, f"such that {share} is {STRONGEST} or less for the theory")
    return strongest


#: The nodes of every ensemble of couplings.
_NODES: Mapping[type, Callable[[Any, Vector, PottsTokens], Nodes]] = {
    GaussianCouplings: _gaussian_nodes,
    OrthogonalCouplings: _orthogonal_nodes,
    HopfieldCouplings: _hopfield_nodes,
}
