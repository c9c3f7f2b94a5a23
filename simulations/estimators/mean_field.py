"""Two estimates of the couplings that solve linear equations alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from replica.validation import invalid, non_negative, numbers
from simulations.estimators.curvature import SampleSpace, fewer_by_samples, lines_of
from simulations.estimators.minimiser import Training, train
from simulations.estimators.rank import check_regular, lost
from simulations.kernels.one_thread import one_thread
from simulations.kernels.second_moments import inverse, pair_sums
from simulations.sequences.potts import checked_colors
from simulations.tokens import Floats, Tokens, checked_sites, checked_tokens

#: Products with the correlations or their inverse that a row takes.
_PRODUCTS = 5


@one_thread
def naive_mean_field(tokens: Any, colors: int, lam: float = 0.0, rows: Any = None) -> Training:
    """Return w_ij = -(c^{-1})_ij, c the connected correlations of the tokens.

    With one coupling per pair of sites, c_ij = Σ_a Cov(s_ia, s_ja)/(C-1). In the paramagnet
    c → G = [(1 + b²) I - b J]^{-1}/C for many sequences, of which -β J_ij is an entry of the
    inverse (Kappen & Rodríguez 1998 for C = 2).

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences.
    colors : int
        C.
    lam : float
        λ, added to the diagonal of c as L λ/(M (C-1)), where it is the weight decay of linear
        regression. It must be positive if (M-1)(C-1) < L, where c has no inverse.
    rows : sequence of int, optional
        The sites i; None is all.

    Returns
    -------
    Training
        The rows; their residuals are those of the inverse.

    Raises
    ------
    ValueError
        If an argument is not allowed, or the correlations have no inverse, as with a site that
        is constant, a copy of another or a linear function of others.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, naive_mean_field, sample
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 20, seed=0), 100, seed=1)
    >>> naive_mean_field(tokens, colors=3).weights.shape
    (20, 20)
    """
    tokens, colors, lam, sites = _checked(tokens, colors, lam, rows)
    samples, length = tokens.shape
    if lam == 0 and (samples - 1) * (colors - 1) < length:
        least = -(-length // (colors - 1)) + 1
        raise invalid("samples", samples, f"{least} or greater at lam = 0, to invert correlations")
    own = sites, np.arange(len(sites))
    shift = length * lam / (samples * (colors - 1))
    if lam > 0 and fewer_by_samples(tokens, colors, _PRODUCTS * len(sites)):
        found, product = _columns_by_samples(tokens, colors, shift, sites, lam)
    else:
        matrix = _correlations(tokens, colors) + shift * np.eye(length)
        check_regular(tokens, colors, lam, matrix, centred=True)
        found = _inverse(matrix, lam)[:, sites]
        product = matrix @ found
    product[own] -= 1.0
    residuals = np.linalg.norm(product, axis=0)
    found[own] = 0.0
    weights = np.ascontiguousarray(-found.T)
    return _solved(weights, sites, residuals)


@one_thread
def quadratic_estimate(
    tokens: Any, colors: int, norm2: Any, lam: float = 0.0, rows: Any = None
) -> Training:
    """Return the rows of linear regression, rescaled with the known norm of the true rows.

    A cost quadratic in the field needs |w*|² for its best scale, but is then the best of all
    costs local to a site (Bachschmid-Romano & Opper, arXiv:1705.05403). The scale here makes
    |η w - w*|² least, η = w*·w/|w|², with w*·w = |w*|² m̂ <G/D> estimated from the training
    sequences (see MESSAGE_PASSING.md).

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Training sequences.
    colors : int
        C.
    norm2 : float or array (rows,)
        |w*|², greater than 0.
    lam : float
        λ of the regression, positive if M (C-1) < L, where it has no unique solution.
    rows : sequence of int, optional
        The sites i; None is all.

    Returns
    -------
    Training
        The rescaled rows, with residuals and statuses of the regression.

    Raises
    ------
    ValueError
        If an argument is not allowed, or the correlations have no inverse, as with a site that
        is constant, a copy of another or a linear function of others.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, quadratic_estimate, sample
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> norm2 = (model.teacher**2).sum(axis=1)
    >>> quadratic_estimate(sample(model, 100, seed=1), 3, norm2, lam=0.1).weights.shape
    (20, 20)
    """
    tokens, colors, lam, sites = _checked(tokens, colors, lam, rows)
    samples, length = tokens.shape
    components = samples * (colors - 1)
    if lam == 0 and components < length:
        least = -(-length // (colors - 1))
        raise invalid("samples", samples, f"{least} or greater at lam = 0, for a unique solution")
    norms = _norms(norm2, len(sites))
    by_samples = lam > 0 and fewer_by_samples(tokens, colors, _PRODUCTS * len(sites))
    sums = None if by_samples else _pair_sums(tokens, colors)
    if sums is not None:
        check_regular(tokens, colors, lam, sums + length * lam * np.eye(length), centred=False)
    training = train(tokens, colors, lam, "squared-error", rows=sites)
    if sums is None:
        scale = _scale_by_samples(tokens, colors, lam, sites)
    else:
        scale = _scale(sums, samples, colors, lam, training)
    overlap = norms * scale
    squares = np.maximum(np.sum(training.weights**2, axis=1), np.finfo(float).tiny)
    weights = training.weights * (overlap / squares)[:, None]
    return replace(training, weights=weights)


def _scale(sums: Floats, samples: int, colors: int, lam: float, training: Training) -> Floats:
    """Return m̂ <G/D> of every row: m̂ = Σ_μ y·g/L with g = K0 y - h, <G/D> = V/(1 - 1/L)."""
    length, rows = len(sums), training.rows
    share = _degrees(sums, lam, rows) / (samples * (colors - 1))
    hits = samples * (1 - 1 / colors) - np.einsum("ij,ji->i", training.weights, sums[:, rows])
    scale: Floats = hits / (length - 1) * share / (1 - share)
    return scale


def _scale_by_samples(tokens: Tokens, colors: int, lam: float, rows: NDArray[np.int64]) -> Floats:
    """Return the same where samples are few: y·g and 1 - share both are of the order of λ.

    With Q the inverse of X_iX_iᵀ + L λ they are L λ yᵀQ y and L λ tr Q/n.
    """
    length = tokens.shape[1]
    decay = length * lam
    inputs, answers = (lines_of(t, np.eye(colors)) for t in (tokens, tokens[:, rows]))
    _check_shift(decay, inputs, lam)
    space = SampleSpace(inputs, decay, rows)
    hits = np.einsum("nr,nr->r", answers, space.by_samples(answers, np.arange(len(rows))))
    degrees = len(inputs) - decay * space.traces
    scale: Floats = hits / space.traces * degrees / (length - 1)
    return scale


def _degrees(sums: Floats, lam: float, sites: NDArray[np.int64]) -> Floats:
    """Return tr S (S + L λ)^{-1} without row and column i, for every site i.

    It is the number of weights less L λ tr (S + L λ)^{-1}.
    """
    length = len(sums)
    if lam == 0:
        return np.full(len(sites), length - 1.0)
    decay = length * lam
    whole = inverse(sums + decay * np.eye(length))
    trace = np.trace(whole) - np.sum(whole[:, sites] ** 2, axis=0) / whole[sites, sites]
    degrees: Floats = length - 1 - decay * trace
    return degrees


def _columns_by_samples(
    tokens: Tokens, colors: int, shift: float, sites: NDArray[np.int64], lam: float
) -> tuple[Floats, Floats]:
    """Return columns of (c + shift)^{-1}, and c + shift times these.

    With c = XᵀX they are (1 - Xᵀ (XXᵀ + shift)^{-1} X)/shift.
    """
    samples, length = tokens.shape
    lines = lines_of(tokens, np.eye(colors)).reshape(colors - 1, samples, length)
    # Contrasts of the samples have no mean, and are one less.
    inputs = (linalg.helmert(samples) @ lines).reshape(-1, length)
    inputs /= np.sqrt(samples * (colors - 1))
    _check_shift(shift, inputs, lam)
    factor = linalg.cho_factor(inputs @ inputs.T + shift * np.eye(len(inputs)))
    inner = linalg.cho_solve(factor, inputs[:, sites])
    found: Floats = -(inputs.T @ inner)
    found[sites, np.arange(len(sites))] += 1.0
    found /= shift
    return found, inputs.T @ (inputs @ found) + shift * found


def _check_shift(shift: float, inputs: Floats, lam: float) -> None:
    """Refuse a weight decay that is lost among the rounding errors of XᵀX."""
    if not shift > np.max(np.sum(inputs**2, axis=0)) * inputs.shape[1] * 1e-15:
        raise lost(lam)


def _inverse(matrix: Floats, lam: float) -> Floats:
    try:
        return inverse(matrix)
    except np.linalg.LinAlgError:
        raise lost(lam) from None


def _pair_sums(tokens: Tokens, colors: int) -> Floats:
    """Return Σ_μ (K0 s_i)·(K0 s_j) for all pairs of sites."""
    return pair_sums(tokens, np.arange(tokens.shape[1]), np.eye(colors) - 1 / colors)


def _correlations(tokens: Tokens, colors: int) -> Floats:
    means = np.stack([(tokens == a).mean(axis=0) for a in range(colors)])
    means -= 1 / colors
    correlations: Floats = _pair_sums(tokens, colors) / len(tokens) - means.T @ means
    # Rounding must not make a constant site vary: beside little weight decay it would count.
    constant = np.all(tokens == tokens[0], axis=0)
    correlations[constant] = correlations[:, constant] = 0.0
    return correlations / (colors - 1)


def _checked(
    tokens: Any, colors: Any, lam: Any, rows: Any
) -> tuple[Tokens, int, float, NDArray[np.int64]]:
    colors = checked_colors(colors)
    tokens = checked_tokens(tokens, None, colors, least=1)
    return tokens, colors, non_negative("lam", lam), checked_sites(rows, tokens.shape[1])


def _norms(norm2: Any, rows: int) -> Floats:
    allowed = f"a finite number greater than 0, or {rows} of them"
    norms = numbers("norm2", norm2, allowed)
    if norms.shape not in ((), (rows,)):
        raise invalid("norm2", f"array {norms.shape}", allowed)
    if not norms.min() > 0:
        raise invalid("norm2", float(norms.min()), allowed)
    return norms


def _solved(weights: Floats, sites: NDArray[np.int64], residuals: Floats) -> Training:
    statuses = np.where(residuals < 1e-8, "converged", "max-steps").astype(object)
    return Training(weights, sites, residuals, np.ones(len(sites), dtype=np.int64), statuses)
