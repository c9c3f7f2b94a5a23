"""Random couplings of the theory's ensembles at a finite number of sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from replica.problem.coupling_laws import (
    CouplingLaw,
    GaussianCouplings,
    HopfieldCouplings,
    OrthogonalCouplings,
)
from replica.validation import invalid
from simulations.tokens import Floats


def random_couplings(law: CouplingLaw, sites: int, rng: np.random.Generator) -> Floats:
    """Return J of an ensemble, symmetric and without its diagonal, which changes no probability."""
    couplings: Floats = _DRAWN[type(law)](law, sites, rng)
    np.fill_diagonal(couplings, 0.0)
    return couplings


def random_signs(sites: int, rng: np.random.Generator) -> Floats:
    """Return a pattern of numbers 1 and -1."""
    return rng.choice((-1.0, 1.0), sites)


def _gaussian(law: GaussianCouplings, sites: int, rng: np.random.Generator) -> Floats:
    upper: Floats = np.triu(rng.standard_normal((sites, sites)) / np.sqrt(sites), k=1)
    return upper + upper.T


def _orthogonal(law: OrthogonalCouplings, sites: int, rng: np.random.Generator) -> Floats:
    """2 Q Qᵀ - I, Q a basis of a random subspace of half the dimensions, or of one less."""
    basis = np.linalg.qr(rng.standard_normal((sites, sites // 2)))[0]
    return _symmetric(2.0 * (basis @ basis.T) - np.eye(sites))


def _hopfield(law: HopfieldCouplings, sites: int, rng: np.random.Generator) -> Floats:
    """X Xᵀ/L, a column of X for every pattern."""
    patterns = round(law.ratio * sites)
    if patterns < 1:
        raise invalid("sites", sites, f"so many that {law.text} has a pattern")
    X = rng.standard_normal((sites, patterns))
    return _symmetric(X @ X.T / sites)


def _symmetric(matrix: Floats) -> Floats:
    """Return a matrix without what rounding has left of an asymmetry."""
    return 0.5 * (matrix + matrix.T)


#: How each ensemble is drawn.
_DRAWN: Mapping[type, Callable[[Any, int, np.random.Generator], Floats]] = {
    GaussianCouplings: _gaussian,
    OrthogonalCouplings: _orthogonal,
    HopfieldCouplings: _hopfield,
}
