"""Second moments of tokens, and the inverse of a matrix with one site left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulations.fields import Floats, Tokens
from simulations.jit import jit


def pair_sums(tokens: Tokens, table: Floats) -> Floats:
    """Return Σ_μ Q[s_j^μ, s_k^μ] for a symmetric table Q, an array (sites, sites)."""
    return _pair_sums(np.ascontiguousarray(tokens.T), np.ascontiguousarray(table))


@jit
def _pair_sums(columns: NDArray[np.uint8], table: Floats) -> Floats:
    sites, samples = columns.shape
    sums = np.empty((sites, sites))
    for j in range(sites):
        for k in range(j + 1):
            total = 0.0
            for sample in range(samples):
                total += table[columns[j, sample], columns[k, sample]]
            sums[j, k] = total
            sums[k, j] = total
    return sums


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
        # inv succeeds on many a singular matrix; the Cholesky factor tells.
        np.linalg.cholesky(matrix)
        inverse = np.linalg.inv(matrix)
        self._inverse = (inverse + inverse.T) / 2
        self._rows = rows

    def solve(self, right: Floats, columns: NDArray[np.int64]) -> Floats:
        """Return the solutions (sites, columns) for right-hand sides of the same shape.

        Column r belongs to the site rows[columns[r]]; its own entry must be zero in
        `right` and is zero in the solution.
        """
        rows, inverse = self._rows[columns], self._inverse
        own = rows, np.arange(len(rows))
        solution = np.empty_like(right)
        _multiply(inverse, np.ascontiguousarray(right), solution)
        solution -= inverse[:, rows] * (solution[own] / inverse[rows, rows])
        solution[own] = 0.0
        return solution


@jit
def _multiply(matrix: Floats, right: Floats, product: Floats) -> None:
    # In the place of the library's product, whose threads wait for each other in the short
    # calls of an iteration whenever a core is busy.
    size, width = right.shape
    whole = size - size % 4
    for j in range(size):
        target = product[j]
        target[:] = 0.0
        for k in range(0, whole, 4):
            f0, f1, f2, f3 = matrix[j, k], matrix[j, k + 1], matrix[j, k + 2], matrix[j, k + 3]
            r0, r1, r2, r3 = right[k], right[k + 1], right[k + 2], right[k + 3]
            for r in range(width):
                target[r] += (f0 * r0[r] + f1 * r1[r]) + (f2 * r2[r] + f3 * r3[r])
        for k in range(whole, size):
            f0, r0 = matrix[j, k], right[k]
            for r in range(width):
                target[r] += f0 * r0[r]
