"""Symmetric matrices, the last two axes of an array: as vectors, and functions of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector

Integers = NDArray[np.signedinteger[Any]]


def packed(matrices: Vector) -> Vector:
    """Return symmetric matrices as vectors with the same inner products."""
    row, column, factors = _upper(matrices.shape[-1])
    return np.asarray(matrices[..., row, column] * factors)


def unpacked(vectors: Vector, size: int) -> Vector:
    """Return the symmetric matrices of which these are the `packed` ones."""
    row, column, factors = _upper(size)
    entries = vectors / factors
    matrices = np.empty((*vectors.shape[:-1], size, size))
    matrices[..., row, column] = entries
    matrices[..., column, row] = entries
    return matrices


@lru_cache(maxsize=64)
def _upper(size: int) -> tuple[Integers, Integers, Vector]:
    """Return the rows and columns of the upper half, and the lengths of its entries."""
    row, column = np.triu_indices(size)
    return row, column, np.where(row == column, 1.0, np.sqrt(2.0))


def packing(size: int) -> Matrix:
    """Return the matrix that makes a `packed` vector of the entries of a matrix, row by row."""
    basis = unpacked(np.eye(size * (size + 1) // 2), size)
    return np.asarray(basis.reshape(len(basis), -1))


def roots(matrices: Vector) -> Vector:
    """Return the square roots of positive semidefinite matrices."""
    values, vectors = np.linalg.eigh(matrices)
    return assembled(np.sqrt(np.maximum(values, 0.0)), vectors)


def exponentials(matrices: Vector) -> Vector:
    """Return the exponentials; NaN where one is not finite."""
    if not np.isfinite(matrices).all():
        return np.full_like(matrices, np.nan)
    values, vectors = np.linalg.eigh(matrices)
    return assembled(np.exp(values), vectors)


def assembled(values: Matrix, vectors: Vector) -> Vector:
    """Return the matrices of these eigenvalues and eigenvectors."""
    return np.asarray((vectors * values[..., None, :]) @ vectors.swapaxes(-1, -2))
