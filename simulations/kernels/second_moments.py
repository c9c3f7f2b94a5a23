"""Second moments of tokens, and the inverse of a matrix with one site left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from simulations.kernels.jit import jit
from simulations.kernels.pieces import pieces
from simulations.kernels.simd import add_one
from simulations.tokens import Floats, Tokens

#: Columns that are filled together, so that they stay in the cache.
_WIDEST = 64


def pair_sums(tokens: Tokens, rows: NDArray[np.int64], table: Floats) -> Floats:
    """Return Σ_μ Q^μ[s_j^μ, s_i^μ] for all sites j and the sites i in `rows`.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    rows : int array (rows,)
        The sites i.
    table : array (colors, colors) or (samples, colors, colors)
        Q, one for all sequences or one for each.

    Returns
    -------
    array (sites, rows)
    """
    sums = np.zeros((tokens.shape[1], len(rows)))
    tables = np.ascontiguousarray(table).reshape(-1, *table.shape[-2:])
    for some in pieces(len(rows), float(tokens.size), _WIDEST):
        width = some.stop - some.start
        for part in pieces(len(tokens), float(len(sums) * width)):
            own = tables if len(tables) == 1 else tables[part]
            _add_pairs(tokens[part], rows, own, sums, some.start, some.stop)
    return sums


@jit
def _add_pairs(
    tokens: Tokens, rows: NDArray[np.int64], tables: Floats, sums: Floats, begin: int, end: int
) -> None:
    """Add the terms of these sequences to the sums of some of the rows."""
    samples, sites = tokens.shape
    colors = tables.shape[1]
    each = 0 if len(tables) == 1 else 1
    terms = np.zeros(colors * _WIDEST)
    part = np.empty(sites * _WIDEST)
    for first in range(begin, end, _WIDEST):
        used = min(_WIDEST, end - first)
        width = (used + 7) // 8 * 8
        part[:] = 0.0
        for j in range(sites):
            part[j * width : j * width + used] = sums[j, first : first + used]
        for sample in range(samples):
            table = tables[each * sample]
            for r in range(used):
                token = tokens[sample, rows[first + r]]
                for a in range(colors):
                    terms[a * width + r] = table[a, token]
            for j in range(sites):
                add_one(part, j * width, terms, tokens[sample, j] * width, width)
        for j in range(sites):
            sums[j, first : first + used] = part[j * width : j * width + used]


class LeaveOneOut:
    """The inverses of a symmetric matrix without row and column i, for many i from one.

    With P the inverse of the whole matrix, the inverse without site i is
    P - P_·i P_i· / P_ii.

    Parameters
    ----------
    matrix : array (sites, sites)
        Symmetric and positive definite.
    rows : int array
        The sites i, one per column that will be solved for.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite in floating point.
    """

    def __init__(self, matrix: Floats, rows: NDArray[np.int64]) -> None:
        self._inverse = inverse(matrix)
        self._rows = rows

    def solve(self, right: Floats, columns: NDArray[np.int64]) -> Floats:
        """Return the solutions (sites, columns) for right-hand sides of the same shape.

        Column r belongs to the site rows[columns[r]]; its own entry must be zero in
        `right` and is zero in the solution.
        """
        rows, inverse = self._rows[columns], self._inverse
        own = rows, np.arange(len(rows))
        solution: Floats = inverse @ right
        solution -= inverse[:, rows] * (solution[own] / inverse[rows, rows])
        solution[own] = 0.0
        return solution


def inverse(matrix: Floats) -> Floats:
    """Return the inverse of a symmetric positive definite matrix.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite in floating point: a pivot, positive in exact
        arithmetic, vanished among rounding errors.
    """
    # The transpose, which is the same matrix, is in the order of LAPACK.
    factor, failed = lapack.dpotrf(matrix.T, lower=1)
    least = matrix.diagonal() * (len(matrix) * 1e-15)
    if failed or not (factor.diagonal() ** 2 > least).all():
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    half, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    # Above the diagonal there are zeros.
    result: Floats = half.T + half
    result.flat[:: len(result) + 1] *= 0.5
    return result
