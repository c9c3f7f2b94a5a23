"""Are the correlations of tokens singular? Decided by their integers, not by rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replica.errors import BadArgument
from replica.validation import invalid
from simulations.kernels.second_moments import pair_sums
from simulations.tokens import Floats, Tokens

#: Share of its variance that a site must have for itself; what has less is looked at exactly.
_CLEAR = 1e-6

#: The same, below which rounding leaves an inverse no digits.
_LOST = 1e-12

#: A prime of which products fit 64 bits.
_PRIME = 2**31 - 1


def check_regular(tokens: Tokens, colors: int, lam: float, matrix: Floats, centred: bool) -> None:
    """Raise ValueError where correlations have no inverse, or one that is all rounding.

    A share of zero is rounded to anything about 1e-16. Where floating point leaves a doubt, the
    matrix is eliminated in integers modulo a prime: a regular one proves itself, a singular one
    is mistaken for regular never and a regular one for singular with a chance of about 1e-9.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    colors : int
        C.
    lam : float
        λ. Singular correlations are refused at 0, or where it is lost beside them.
    matrix : array (sites, sites)
        The correlations with their weight decay, as they will be inverted.
    centred : bool
        Whether they are connected ones, Σ_a Cov(s_ia, s_ja), or Σ_μ (K0 s_i)·(K0 s_j).
    """
    shown, allowed = f"array {tokens.shape}", "of sites whose correlations can be inverted"
    if lam == 0:
        (constant,) = np.nonzero(np.all(tokens == tokens[0], axis=0))
        if constant.size:
            sites = f"{'sites' if len(constant) > 1 else 'site'} {', '.join(map(str, constant))}"
            raise invalid("tokens", f"{shown}, constant at {sites}", f"{allowed}, at lam = 0")
    share = _least_share(matrix)
    if lam == 0 and share < _CLEAR:
        site = _dependent(_integers(tokens, colors, centred))
        if site is not None:
            raise invalid(
                "tokens", f"{shown}, {_told(tokens, colors, site)}", f"{allowed}, at lam = 0"
            )
    if share < _LOST:
        raise lost(lam)


def lost(lam: float) -> BadArgument:
    """Return the error of a weight decay that rounding loses beside singular correlations."""
    return invalid("lam", lam, "greater, as the correlations have no inverse")


def _least_share(matrix: Floats) -> float:
    """Return the least share of a site's variance that no site before it explains."""
    scale = 1 / np.sqrt(np.maximum(np.diagonal(matrix), np.finfo(float).tiny))
    try:
        return float(np.diagonal(np.linalg.cholesky(matrix * scale * scale[:, None])).min() ** 2)
    except np.linalg.LinAlgError:
        return 0.0


def _integers(tokens: Tokens, colors: int, centred: bool) -> NDArray[np.int64]:
    """Return a multiple of the correlations whose entries are integers."""
    samples, sites = tokens.shape
    # Counts of samples: exact in floating point.
    alike = pair_sums(tokens, np.arange(sites), np.eye(colors)).astype(np.int64)
    found: NDArray[np.int64] = colors * alike - samples
    if centred:
        counts = np.stack([(tokens == a).sum(axis=0) for a in range(colors)]).astype(np.int64)
        found = samples * alike - counts.T @ counts
    return found


def _dependent(matrix: NDArray[np.int64]) -> int | None:
    """Return the first site that depends linearly on those before it, or None."""
    matrix = matrix % _PRIME
    for k in range(len(matrix)):
        pivot = int(matrix[k, k])
        if pivot == 0:
            return k
        factors = matrix[k + 1 :, k] * pow(pivot, -1, _PRIME) % _PRIME
        matrix[k + 1 :, k + 1 :] -= factors[:, None] * matrix[k, k + 1 :] % _PRIME
        matrix[k + 1 :, k + 1 :] %= _PRIME
    return None


def _told(tokens: Tokens, colors: int, site: int) -> str:
    """Return on what a site depends, in words."""
    column = tokens[:, site, None]
    for other in np.flatnonzero(np.all(tokens[:, :site] == column, axis=0)):
        return f"whose sites {other} and {site} have the same tokens"
    for other in np.flatnonzero(np.all(tokens[:, :site] + column == 1, axis=0) & (colors == 2)):
        return f"whose sites {other} and {site} have opposite tokens"
    return f"whose site {site} depends linearly on those before it"
