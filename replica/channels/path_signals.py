"""Masked tokens and true fields of sampled paths, by the law of the fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.ensembles.independent import IndependentLaw
from replica.quadrature.colour_mode_law import ModeLaw
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.point_sets import complement
from replica.quadrature.tilted_law import TiltedLaw
from replica.validation import invalid


class Signals(NamedTuple):
    """What all steps of a path have in common.

    Attributes
    ----------
    masked : int array (paths,)
        The masked token y.
    direction : array (axes, paths)
        The mean of the fields, in units of m.
    pull : array (axes, paths)
        What α E pull·g is the drive of.
    explained : float
        The fields have the covariance Q - explained m mᵀ around their mean.
    weights : array (paths,)
        Of the paths in averages; their sum is one.
    """

    masked: NDArray[np.int64]
    direction: Matrix
    pull: Matrix
    explained: float
    weights: Vector


def own_dimensions(law: FieldLaw) -> int:
    """Return how many normal numbers the signal of a path takes.

    Raises
    ------
    ValueError
        If paths of fields of this law are not known.
    """
    if type(law) not in _SIGNALS:
        allowed = "PottsTokens, CustomTokens, IndependentTokens or a row of given couplings"
        raise invalid("data", type(law).__name__, f"{allowed} for descents of such a loss")
    return law.colors - 1 if isinstance(law, IndependentLaw) else 0


def signals_of(law: FieldLaw, noise: Matrix) -> Signals:
    """Return the signals that normal numbers (paths, own dimensions) make."""
    return _SIGNALS[type(law)](law, noise)


def _tilted(law: FieldLaw, noise: Matrix) -> Signals:
    """ω = m K0 e_1 + ξ: by symmetry it is the same for every token."""
    along = np.repeat(complement(law.colors)[:, :1], len(noise), axis=1)
    return Signals(np.zeros(len(noise), dtype=np.int64), along, along, 0.0, _equal(noise))


def _modes(law: ModeLaw, noise: Matrix) -> Signals:
    """ω = Σ_k m_k P_k e_y + ξ, with every token that stands for others as often."""
    masked = np.resize(np.array(law.masked, dtype=np.int64), len(noise))
    along = law.basis[:, masked]
    return Signals(masked, along, along, 0.0, _equal(noise))


def _independent(law: IndependentLaw, noise: Matrix) -> Signals:
    """(ω, ν) Gaussian, and y from softmax(ν); colours are exchangeable, and y is the first.

    ν is drawn tilted by e^{ν_1}, which leaves 1/Σ_a e^{ν_a} as weight.
    """
    basis = complement(law.colors)
    nu = np.sqrt(law.rho) * noise.T + law.rho * basis[:, :1]
    fields = basis.T @ nu
    scale = fields.max(axis=0)
    p = np.exp(fields - scale)
    weights = np.exp(-scale) / p.sum(axis=0)
    pull = basis[:, :1] - basis @ (p / p.sum(axis=0))
    explained = 1.0 / law.rho if law.rho > 0.0 else 0.0
    masked = np.zeros(len(noise), dtype=np.int64)
    return Signals(masked, explained * nu, pull, explained, weights / weights.sum())


def _equal(noise: Matrix) -> Vector:
    return np.full(len(noise), 1.0 / len(noise))


_SIGNALS: Mapping[type[FieldLaw], Callable[[Any, Matrix], Signals]] = {
    TiltedLaw: _tilted,
    ModeLaw: _modes,
    IndependentLaw: _independent,
}
