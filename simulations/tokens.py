"""Tokens, and checks of sequences, seeds, rows and matrices that a caller gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.immutable import fixed
from replica.problem import GaussianTokens, IndependentTokens, PottsTokens
from replica.problem.row_couplings import RowCouplings
from replica.problem.row_sequences import RowSequences
from replica.problem.similarity import LEAST_U, MOST_U
from replica.validation import integer, invalid, numbers, unmasked

Floats = NDArray[np.float64]

Tokens = NDArray[np.uint8]

#: Share of the largest entry below which what tells colours apart is outweighed by the rest.
_OUTWEIGHED = 0.125

#: Names of the data that can be sampled: tokens with values, and all.
VALUED = (PottsTokens.name, IndependentTokens.name)

SAMPLED = (*VALUED, GaussianTokens.name, RowCouplings.name, RowSequences.name)

#: The most values of a token, which are kept as bytes.
MOST_COLORS = 256


def seen(values: Floats) -> Floats:
    """Return U or V without what its rows have in common, where that outweighs the rest.

    A row added to all rows of V changes all components of the logits V Σ_j w_j s_j alike, which
    no loss and no conditional law sees. Among symmetric matrices U it is one number in all
    entries. A large one would swallow the digits of the logits; a small one is left.
    """
    axis = None if np.array_equal(values, values.T) else 0
    rest: Floats = values - values.mean(axis=axis)
    rest -= rest.mean(axis=axis)
    return rest if np.abs(rest).max() < _OUTWEIGHED * np.abs(values).max() else values


def is_rounding(part: Floats, whole: Floats) -> bool:
    """Tell whether a part of a matrix is no larger than the rounding of its entries."""
    return bool(np.abs(part).max() <= 4 * np.finfo(float).eps * np.abs(whole).max())


def is_identity(similarity: Any) -> bool:
    """Tell whether U is None or I, but for rounding and a number common to all entries."""
    if similarity is None:
        return True
    U = np.asarray(similarity)
    return is_rounding(U - U[0, 1] - np.eye(len(U)), U)


def checked_tokens(
    tokens: Any, sites: int | None, colors: int, name: str = "tokens", least: int = 0
) -> Tokens:
    """Return tokens as a uint8 array (samples, sites) of values below `colors`, or refuse.

    Parameters
    ----------
    tokens : array (samples, sites)
        Sequences.
    sites : int or None
        L; None is any length.
    colors : int
        C.
    name : str
        The argument, for the refusal.
    least : int
        The least number of sequences.
    """
    length = "sites" if sites is None else sites
    allowed = f"an array (samples, {length}) of integers from 0 to {colors - 1}"
    array = unmasked(name, tokens, allowed)
    fits = array.ndim == 2 and array.shape[1] == (sites or max(array.shape[1], 1))
    if not fits or not np.issubdtype(array.dtype, np.integer):
        raise invalid(name, f"array {array.shape} of {array.dtype}", allowed)
    if len(array) < least:
        raise invalid(name, f"array {array.shape}", f"{least} or more sequences")
    if array.size and (array.min() < 0 or array.max() >= colors):
        raise invalid(name, f"array with values {array.min()} to {array.max()}", allowed)
    return np.ascontiguousarray(array, dtype=np.uint8)


def checked_sites(rows: Any, sites: int) -> NDArray[np.int64]:
    """Return the distinct site numbers `rows` (all sites if None), or refuse."""
    if rows is None:
        return np.arange(sites)
    allowed = f"distinct integers from 0 to {sites - 1}"
    array = unmasked("rows", rows, allowed)
    if array.ndim != 1 or not array.size or not np.issubdtype(array.dtype, np.integer):
        raise invalid("rows", rows, allowed)
    for row in array:
        integer("rows", int(row), 0)
    if array.max() >= sites or len(np.unique(array)) < len(array):
        raise invalid("rows", rows, allowed)
    return array.astype(np.int64)


def checked_seed(seed: Any) -> int | np.random.SeedSequence:
    """Return a seed, an integer of 0 or more or a SeedSequence, or raise ValueError."""
    return seed if isinstance(seed, np.random.SeedSequence) else integer("seed", seed, 0)


def checked_matrix(
    name: str, matrix: Any, size: int | None = None, symmetric: bool = False, hollow: bool = False
) -> Floats:
    """Return a read-only copy of a square matrix, or raise ValueError.

    Parameters
    ----------
    name : str
        The argument, for the refusal.
    matrix : array
        The matrix.
    size : int, optional
        Its size, if that is given by something else.
    symmetric, hollow : bool
        Whether it must be symmetric, to a relative 1e-12, and have a zero diagonal.
    """
    allowed = "a square matrix of finite numbers" if size is None else f"a {size} x {size} matrix"
    array = numbers(name, matrix, allowed)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or size not in (None, len(array)):
        raise invalid(name, f"array {array.shape}", allowed)
    if symmetric:
        gap = np.abs(array - array.T).max(initial=0.0)
        if gap > 1e-12 * np.abs(array).max(initial=0.0):
            raise invalid(name, f"array, asymmetric by {gap:.3g}", "a symmetric matrix")
        array = (array + array.T) / 2
    if hollow and np.any(np.diagonal(array) != 0):
        raise invalid(name, "array with diagonal entries", "a matrix with zero diagonal")
    read_only: Floats = fixed(array)
    return read_only


def checked_similarity(similarity: Any, colors: int) -> Floats:
    """Return U as a read-only symmetric matrix (colors, colors), or raise ValueError.

    It may be as asymmetric as the rounding of its entries and 1e-9 of what tells colours apart.
    """
    allowed = f"a symmetric matrix of {colors} x {colors} finite numbers"
    U = numbers("similarity", similarity, allowed)
    if U.shape != (colors, colors):
        raise invalid("similarity", f"array {U.shape}", allowed)
    most = float(np.abs(U).max())
    if most > MOST_U:
        raise invalid("similarity", f"array with an entry of size {most:.3g}",
                      f"of entries up to {MOST_U:g} in size")  # fmt: skip
    size, rounding = float(np.abs(seen(U)).max()), 4 * np.finfo(float).eps * most
    gap = float(np.abs(U - U.T).max())
    if gap > 1e-9 * size + rounding:
        raise invalid("similarity", f"array, asymmetric by {gap:.3g}", allowed)
    least = max(LEAST_U, rounding)
    if np.ptp(U) > 0 and size < least:
        allowed = f"of entries that differ by {least:.3g} or more, beyond their rounding"
        raise invalid("similarity", f"array with differences of {size:.3g}", allowed)
    read_only: Floats = fixed((U + U.T) / 2)
    return read_only
