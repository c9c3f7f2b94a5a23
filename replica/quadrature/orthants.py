"""The probability that correlated normal variables all stay below their limits, by Plackett.

Its derivative by a correlation of two of them is their density at the limits, times the
probability of the others given that they are there (Plackett 1954): a path of correlations, from
some of which the probability is known, takes one integral for every two variables.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from replica.arrays import Matrix, Vector
from replica.memory import kept
from replica.quadrature.error_rate import CERTAIN, normal_nodes

Array = NDArray[np.float64]

#: Correlation of all variables where the path begins, as of differences to one of several alike.
_ALIKE = 0.5

#: The least that is left of a variance.
_LEAST = 1e-15


def outside(h: Vector, R: Matrix, nodes: int) -> float:
    """Return the probability that some variable of the correlations R exceeds its limit h.

    Parameters
    ----------
    h : array (n,)
        The limits.
    R : array (n, n)
        The correlations, of which the matrix may be singular.
    nodes : int
        How many along each path; there are as many paths within one another as pairs of variables.
    """
    nearest = math.sqrt(_ALIKE / (1.0 - _ALIKE)) * max(float(h.min()), 0.0)
    x, gauss = normal_nodes(0.5 * min(nearest, CERTAIN))
    inside = log_ndtr((h + math.sqrt(_ALIKE) * x[:, None]) / math.sqrt(1.0 - _ALIKE)).sum(axis=1)
    begin = np.full_like(R, _ALIKE)
    np.fill_diagonal(begin, 1.0)
    gain = 0.0
    for pair in combinations(range(len(h)), 2):
        gain += float(_along(h[None], begin[None], R[None], nodes, [pair])[0])
    return float(gauss @ -np.expm1(inside)) - gain


def _inside(h: Array, R: Array, nodes: int) -> Array:
    """Return the probabilities below limits (many, n) of correlations (many, n, n)."""
    n = h.shape[1]
    if n == 0:
        return np.ones(len(h))
    alone: Array = ndtr(h).prod(axis=1)
    if n == 1:
        return alone
    begin = np.zeros_like(R)
    begin[:, range(n), range(n)] = 1.0
    return alone + _along(h, begin, R, nodes, list(combinations(range(n), 2)))


def _along(h: Array, begin: Array, end: Array, nodes: int, pairs: list[tuple[int, int]]) -> Array:
    """Return what the probabilities gain on the way, by the correlations of these pairs."""
    n = h.shape[1]
    i, j = np.array(pairs).T
    k = np.array([[c for c in range(n) if c not in pair] for pair in pairs], dtype=int)
    t, dt = _path(nodes)
    # Arrays (many, pairs, nodes), of the others with one axis more, or two.
    R = begin[:, None] + t[:, None, None] * (end - begin)[:, None]
    r = np.moveaxis(R[:, :, i, j], 1, 2)
    h_i, h_j = h[:, i, None], h[:, j, None]
    rest = np.maximum(1.0 - r * r, _LEAST)
    density = np.exp(-0.5 * (h_i * h_i - 2.0 * r * h_i * h_j + h_j * h_j) / rest)
    density *= (end - begin)[:, i, j, None] * dt / (2.0 * math.pi * np.sqrt(rest))
    if n == 2:
        return np.asarray(density.sum(axis=(1, 2)))
    r_ki, r_kj = (np.moveaxis(R[:, :, k, each[:, None]], 1, 2) for each in (i, j))
    by_i = (r_ki - r[..., None] * r_kj) / rest[..., None]
    by_j = (r_kj - r[..., None] * r_ki) / rest[..., None]
    limits = h[:, k][:, :, None] - by_i * h_i[..., None] - by_j * h_j[..., None]
    among = np.moveaxis(R[:, :, k[:, :, None], k[:, None, :]], 1, 2)
    among = among - by_i[..., None] * r_ki[..., None, :] - by_j[..., None] * r_kj[..., None, :]
    scale = 1.0 / np.sqrt(np.maximum(np.einsum("...kk->...k", among), _LEAST))
    among = among * scale[..., None] * scale[..., None, :]
    m = n - 2
    others = _inside((limits * scale).reshape(-1, m), among.reshape(-1, m, m), nodes)
    return np.asarray((density * others.reshape(density.shape)).sum(axis=(1, 2)))


@kept()
def _path(nodes: int) -> tuple[Vector, Vector]:
    """Return places from 0 to 1 and their weights, for a root of what is left of the way."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    left = 0.5 * (1.0 - x)
    return 1.0 - left**2, weights * left
