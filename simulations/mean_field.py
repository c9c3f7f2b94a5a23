"""Two estimates of the couplings that solve linear equations alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.arguments import non_negative, numbers, refusal
from simulations.fields import Floats, Tokens, checked_sites, checked_tokens
from simulations.gram import inverse, multiply, pair_sums
from simulations.potts import checked_colors
from simulations.rank import check_regular
from simulations.training import Training, train


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
    """
    tokens, colors, lam, sites = _checked(tokens, colors, lam, rows)
    samples, length = tokens.shape
    if lam == 0 and (samples - 1) * (colors - 1) < length:
        least = -(-length // (colors - 1)) + 1
        raise refusal("samples", samples, f"{least} or greater at lam = 0, to invert correlations")
    correlations = _correlations(tokens, colors)
    matrix = correlations + length * lam / (samples * (colors - 1)) * np.eye(length)
    check_regular(tokens, colors, lam, matrix, centred=True)
    found = inverse(matrix)
    unit = np.eye(length)[:, sites]
    residuals = np.linalg.norm(multiply(matrix, found[:, sites]) - unit, axis=0)
    weights = -found[sites]
    weights[np.arange(len(sites)), sites] = 0.0
    return _solved(weights, sites, residuals)


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
    """
    tokens, colors, lam, sites = _checked(tokens, colors, lam, rows)
    samples, length = tokens.shape
    components = samples * (colors - 1)
    if lam == 0 and components < length:
        least = -(-length // (colors - 1))
        raise refusal("samples", samples, f"{least} or greater at lam = 0, for a unique solution")
    norms = _norms(norm2, len(sites))
    sums = _pair_sums(tokens, colors)
    check_regular(tokens, colors, lam, sums + length * lam * np.eye(length), centred=False)
    training = train(tokens, colors, lam, "squared-error", rows=sites)
    share = _degrees(sums, lam, sites) / components
    # m̂ = Σ_μ y·g/L with the residual g = K0 y - h, and <G/D> = V/(1 - 1/L).
    hits = samples * (1 - 1 / colors) - np.einsum("ij,ji->i", training.weights, sums[:, sites])
    overlap = norms * hits / (length - 1) * share / (1 - share)
    squares = np.maximum(np.sum(training.weights**2, axis=1), np.finfo(float).tiny)
    weights = training.weights * (overlap / squares)[:, None]
    return replace(training, weights=weights)


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
        raise refusal("norm2", f"array {norms.shape}", allowed)
    if not norms.min() > 0:
        raise refusal("norm2", float(norms.min()), allowed)
    return norms


def _solved(weights: Floats, sites: NDArray[np.int64], residuals: Floats) -> Training:
    statuses = np.where(residuals < 1e-8, "converged", "max-steps").astype(object)
    return Training(weights, sites, residuals, np.ones(len(sites), dtype=np.int64), statuses)
