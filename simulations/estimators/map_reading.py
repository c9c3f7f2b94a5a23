"""What is seen in an attention map: a planted pattern, the couplings, their strongest pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from replica.immutable import Immutable
from replica.validation import invalid, real, truth
from simulations.estimators.attention_map import second_moments, symmetric_part
from simulations.kernels.one_thread import one_thread
from simulations.sequences.potts import PottsModel
from simulations.tokens import Floats, checked_matrix, checked_tokens

#: The share of all pairs that count as contacts where no coupling vanishes.
CONTACTS = 0.05


@dataclass(frozen=True, eq=False)
class MapReading(Immutable):
    """An attention map beside the model of its sequences.

    Parameters
    ----------
    outlier : float
        The largest eigenvalue of (A + Aᵀ)/2; the least if β < 0.
    overlap : float
        (u·v)²/|v|² of its eigenvector u, |u| = 1, with the planted pattern v; NaN without one.
    pca_outlier, pca_overlap : float
        The same of the covariance of the sequences, (1/M) Σ_μ Σ_c x xᵀ/(C-1), x_j = (K0 s_j)_c,
        whose diagonal is 1/C: principal components.
    coupling_error, symmetrised_error : float
        |A - βJ|²/|βJ|², and that of (A + Aᵀ)/2.
    noise_correlation : float
        Of the errors of A_ij and A_ji beside the best multiple of J.
    precision : float
        See `measured_precision`, for 5 % of all pairs and (A + Aᵀ)/2.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, attention_map, read_map, sample
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> tokens = sample(model, 80, seed=1)
    >>> found = read_map(attention_map(tokens, 3, lam=0.1).attention, model, tokens)
    >>> found.symmetrised_error < found.coupling_error
    True
    """

    outlier: float
    overlap: float
    pca_outlier: float
    pca_overlap: float
    coupling_error: float
    symmetrised_error: float
    noise_correlation: float
    precision: float


@one_thread
def read_map(attention: Any, model: PottsModel, tokens: Any) -> MapReading:
    """Read the attention of all sites, and the covariance of the sequences it learnt from.

    Parameters
    ----------
    attention : array (sites, sites)
        A, with zero diagonal.
    model : PottsModel
        The model of the sequences, with the pattern if there is one.
    tokens : uint8 array (samples, sites)
        The training sequences.

    Returns
    -------
    MapReading

    Raises
    ------
    ValueError
        If an argument is not allowed, or they do not fit together.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, attention_map, read_map, sample
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> tokens = sample(model, 400, seed=1)
    >>> read_map(attention_map(tokens, 3, lam=0.1).attention, model, tokens).precision > 0.05
    True
    """
    if not isinstance(model, PottsModel):
        raise invalid("model", model, "a PottsModel")
    A = checked_matrix("attention", attention, model.sites, hollow=True)
    tokens = checked_tokens(tokens, model.sites, model.colors, least=1)
    covariance = second_moments(tokens, model.colors) / (len(tokens) * (model.colors - 1))
    symmetric, true = symmetric_part(A), model.teacher
    size = float(np.vdot(true, true)) or np.nan
    noise = A - float(np.vdot(A, true)) / size * true
    return MapReading(
        *extreme(symmetric, model.pattern, model.beta),
        *extreme(covariance, model.pattern, model.beta),
        float(np.sum((A - true) ** 2)) / size,
        float(np.sum((symmetric - true) ** 2)) / size,
        float(np.vdot(noise, noise.T)) / (float(np.vdot(noise, noise)) or np.nan),
        measured_precision(A, model.couplings, CONTACTS) if np.isfinite(size) else np.nan,
    )


def extreme(matrix: Floats, pattern: Floats | None, sign: float = 1.0) -> tuple[float, float]:
    """Return the largest eigenvalue of a symmetric matrix, or the least, and its overlap squared.

    Parameters
    ----------
    matrix : array (sites, sites)
        The matrix.
    pattern : array (sites,) or None
        v; without one the overlap is NaN.
    sign : float
        Below 0 for the least eigenvalue.
    """
    place = 0 if sign < 0 else len(matrix) - 1
    value, vector = linalg.eigh(matrix, subset_by_index=[place, place])
    if pattern is None:
        return float(value[0]), np.nan
    return float(value[0]), float((vector[:, 0] @ pattern) ** 2 / (pattern @ pattern))


def measured_precision(
    attention: Any,
    couplings: Any,
    contacts: float | None = None,
    top: float | None = None,
    symmetrised: bool = True,
    corrected: bool = False,
) -> float:
    """Return how many of the strongest pairs of an attention map are contacts.

    Parameters
    ----------
    attention : array (sites, sites)
        A, with zero diagonal.
    couplings : array (sites, sites)
        J, symmetric with zero diagonal.
    contacts : float, optional
        The share of all pairs, from 0 to 1, that are contacts: those of the strongest |J_ij|. None
        is all whose coupling does not vanish.
    top : float, optional
        The share of all pairs that is predicted: those of the strongest |A_ij|. None is as many as
        there are contacts.
    symmetrised : bool
        Whether A_ij is that of (A + Aᵀ)/2; else of the row with the smaller number alone.
    corrected : bool
        Whether ``F_i· F_·j/F_··`` is subtracted from F = |A|, the average-product correction:
        what a pair owes to its sites.

    Returns
    -------
    float
        The share of contacts among the pairs that are predicted, from 0 to 1. Equal pairs at the
        end of either list count in part, so that a map of zeros has the precision of a guess.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, measured_precision
    >>> J = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0).couplings
    >>> measured_precision(attention=2.0 * J, couplings=J, contacts=0.05)
    1.0
    """
    A = checked_matrix("attention", attention, hollow=True)
    J = checked_matrix("couplings", couplings, len(A), symmetric=True, hollow=True)
    truth("symmetrised", symmetrised)
    truth("corrected", corrected)
    pairs = np.triu_indices(len(A), k=1)
    F = np.abs(symmetric_part(A) if symmetrised else np.triu(A) + np.triu(A).T)
    if corrected:
        sums = F.sum(axis=0)
        F = F - np.outer(sums, sums) / (sums.sum() or 1.0)
    strength = np.abs(J[pairs])
    true = (
        int(np.count_nonzero(strength)) if contacts is None else _share("contacts", contacts, pairs)
    )
    found = true if top is None else _share("top", top, pairs)
    if not 0 < true < len(strength):
        raise invalid("contacts", contacts, "such that there are contacts and other pairs")
    return float(_strongest(F[pairs], found) @ _strongest(strength, true)) / found


def _strongest(values: Floats, count: int) -> Floats:
    """Return the share that every pair has in the strongest ones: those that tie share a place."""
    last = np.partition(values, len(values) - count)[len(values) - count]
    above, tied = values > last, values == last
    shares: Floats = np.where(tied, (count - above.sum()) / tied.sum(), above)
    return shares


def _share(name: str, share: Any, pairs: tuple[NDArray[np.intp], ...]) -> int:
    """Return a share of the pairs as their number, or raise ValueError."""
    allowed = "a share above 0 and below 1, of one pair or more"
    count = round(real(name, share, allowed) * len(pairs[0]))
    if not 0 < share < 1 or count < 1:
        raise invalid(name, share, allowed)
    return count
